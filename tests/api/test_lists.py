"""The list, option and memory routes that client libraries use."""

import pytest


def test_what_a_job_can_be_made_with(client):
    assert {"Euler", "Euler a", "DPM++ 2M", "DPM++ 2M SDE", "DDIM"} <= {x["name"] for x in client.get_samplers()}
    assert {"Automatic", "Karras"} <= {x["label"] for x in client.get_schedulers()}
    assert {"None", "Lanczos"} <= {x["name"] for x in client.get_upscalers()}
    assert "Latent" in {x["name"] for x in client.get_latent_upscale_modes()}
    checkpoint = client.get_sd_models()[0]
    assert checkpoint["title"] and checkpoint["model_name"] and checkpoint["filename"]


def test_lists_that_may_be_empty(client):
    assert client.get_sd_vae() == client.get_hypernetworks() == client.get_face_restorers() == []
    assert client.get_prompt_styles() == client.get_realesrgan_models() == []
    assert isinstance(client.get_loras(), list)
    assert client.get_embeddings() == {"loaded": {}, "skipped": {}}
    assert client.refresh_checkpoints() == {}


def test_memory(client):
    ram = client.get_memory()["ram"]
    assert 0 < ram["used"] < ram["total"] and ram["free"] + ram["used"] == ram["total"]


def test_cmd_flags(client):
    assert client.get_cmd_flags()["api"] is True


def test_options_round_trip(client):
    before = client.get_options()
    assert before["img2img_color_correction"] is False
    client.set_options({"img2img_color_correction": True})
    assert client.get_options() == {**before, "img2img_color_correction": True}
    client.set_options({"img2img_color_correction": False})
    assert client.get_options() == before


def test_an_option_that_does_not_exist(post, client):
    before = client.get_options()
    reply = post("options", jpeg_quality=1, no_such_option=1)
    assert (reply.status_code, reply.json()["detail"]) == (422, "Setting 'no_such_option' not found")
    assert client.get_options() == before


@pytest.mark.parametrize("option, value, sentence", [
    ("jpeg_quality", "high", "The setting `jpeg_quality` is 'high'; it must be a whole number from 1 to 100."),
    ("jpeg_quality", 0, "The setting `jpeg_quality` is '0'; it must be a whole number from 1 to 100."),
    ("jpeg_quality", True, "The setting `jpeg_quality` is 'True'; it must be a whole number from 1 to 100."),
    ("img2img_color_correction", 1, "The setting `img2img_color_correction` is '1'; it must be true or false."),
    ("eta_ddim", float("nan"), "The setting `eta_ddim` is 'nan'; it must be a number from 0 to 1."),
    ("randn_source", None, "The setting `randn_source` is 'None'; it must be a text.")])
def test_an_option_of_another_type_or_range(post, client, option, value, sentence):
    before = client.get_options()
    reply = post("options", **{option: value})
    assert (reply.status_code, reply.json()["detail"]) == (422, sentence)
    assert client.get_options() == before


@pytest.mark.parametrize("option, value", [("jpeg_quality", 81), ("randn_source", "CPU")])
def test_one_option_leaves_the_others(client, option, value):
    before = client.get_options()
    client.set_options({option: value})
    assert client.get_options() == {**before, option: value}
    client.set_options({option: before[option]})
