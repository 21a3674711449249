"""What users do between two relit jobs, switching the checkpoint or a LoRA, and what else lies in the extensions folder."""

import pytest
from contract import differences
from contract.client import difference
from contract.subjects import fbc, fc
from contract.weight_files import LORA

LEAST = 0.2
WITH_LORA = f"a vase, (red:1.2) <lora:{LORA}:0.7>"


@pytest.mark.real_host
@pytest.mark.usefixtures("undone")
def test_another_checkpoint_in_between(client):
    """Every job is the same before and after the other checkpoint was there, and that one is relit as well."""
    titles = [model["title"] for model in client.get("/sdapi/v1/sd-models")]
    current = client.get("/sdapi/v1/options")["sd_model_checkpoint"] or ""
    others = [title for title in titles if title.split(".")[0] not in (current.split(".")[0], "")]
    if not current or not others:
        differences.met(client, "one checkpoint")
        return
    other = {"override_settings": {"sd_model_checkpoint": others[0]}}
    relit = client.once(relight=fc(light="left"))
    other_plain, other_relit = client.send(**other), client.send(relight=fc(light="left"), **other)
    assert difference(other_plain, client.plain) > LEAST and difference(other_relit, other_plain) > LEAST
    assert other_relit.proof == relit.proof
    assert client.send(relight=fc(light="left")).png == relit.png
    assert client.send(**other).png == other_plain.png
    assert client.send(relight=fc(light="left"), **other).png == other_relit.png
    assert client.send().png == client.plain.png
    assert client.send(relight=fc(light="left"), **other).png == other_relit.png


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("light", [fc(light="left"), fbc()], ids=["fc", "fbc"])
def test_a_lora_on_and_off_in_between(client, light):
    """Jobs in an order in which each of plain, LoRA, light and both follows every other; each is always the same."""
    if not client.process.has_lora:
        differences.met(client, "no LoRA folder")
        return
    jobs = {"plain": {}, "lora": {"prompt": WITH_LORA}, "light": {"relight": light},
            "both": {"prompt": WITH_LORA, "relight": light}}
    order = "plain lora both light lora plain both lora light both plain light plain"
    seen = {"plain": client.plain}
    for name in order.split():
        reply = client.send(**jobs[name])
        assert reply.png == seen.setdefault(name, reply).png, name
    names = list(jobs)
    assert all(difference(seen[a], seen[b]) > LEAST for index, a in enumerate(names) for b in names[:index])


def test_another_extension_s_library_of_our_name(client):
    """The probe ships a lib_iclight of its own, as other extensions do; each side has its own, whoever loads first."""
    for place in ("before", "after"):
        assert client.get(f"/relight-contract/library/{place}") == {"name": "lib_iclight", "says": "I belong to the probe"}
    assert client.once(relight=fc(light="left")).proof.startswith("fc, left")
