"""Script arguments from `alwayson_scripts` and `script_args`, and failing scripts."""

import json

import pytest

DEFAULTS = [False, "abc", 0.5, "left"]


@pytest.fixture
def probe_args(post, small):
    """What the probe's process() got, for these alwayson_scripts."""
    def run(**alwayson):
        reply = post("txt2img", **small, alwayson_scripts=alwayson)
        assert reply.status_code == 200, reply.text
        return json.loads(json.loads(reply.json()["info"])["extra_generation_params"]["Probe args"])

    return run


def test_a_dict_as_the_only_argument_passes_untouched(probe_args):
    value = {"iclight": {"model": "auto", "light": "left"}, "list": [1, None, 0.5]}
    assert probe_args(Probe={"args": [value]}) == [value, *DEFAULTS[1:]]


@pytest.mark.parametrize("settings", [{}, {"args": []}])
def test_without_arguments_the_panels_values_hold(probe_args, settings):
    assert probe_args(Probe=settings) == DEFAULTS
    assert probe_args() == DEFAULTS


def test_arguments_go_by_position_and_surplus_is_dropped(probe_args):
    assert probe_args(Probe={"args": [True, "x"]}) == [True, "x", 0.5, "left"]
    assert probe_args(pRoBe={"args": [True, "x", 0.1, "right", "surplus"]}) == [True, "x", 0.1, "right"]


def test_defaults_do_not_leak_from_one_request_to_the_next(probe_args):
    probe_args(Probe={"args": [{"a": 1}, "changed", 1.0]})
    assert probe_args() == DEFAULTS


def test_values_are_not_checked_by_the_host(probe_args):
    assert probe_args(Probe={"args": [None, 7, "not a number"]}) == [None, 7, "not a number", "left"]


def test_unknown_script(post, small):
    reply = post("txt2img", **small, alwayson_scripts={"nope": {"args": []}})
    assert (reply.status_code, reply.json()["detail"]) == (422, "Script 'nope' not found")


def test_a_selectable_script_is_not_always_on(post, small):
    reply = post("txt2img", **small, alwayson_scripts={"Say it twice": {"args": ["or"]}})
    assert reply.status_code == 422
    assert reply.json()["detail"].startswith("'Say it twice' is chosen in the scripts dropdown; send its title as `script_name`")


@pytest.mark.parametrize("settings", [{"args": {"a": 1}}, {"args": "text"}, {"args": None}, [], None, 3])
def test_arguments_that_are_no_list(post, small, settings):
    reply = post("txt2img", **small, alwayson_scripts={"Probe": settings})
    assert reply.status_code == 422
    assert "for 'Probe'; send an object with a list, such as {\"args\": [...]}." in reply.json()["detail"]


def test_selectable_script(client, small):
    result = client.txt2img(**small, script_name="say it TWICE", script_args=["or"])
    assert result.info["prompt"] == "a vase or a vase"


def test_script_info(get):
    entry = next(x for x in get("script-info") if x["name"] == "probe" and not x["is_img2img"])
    assert entry["is_alwayson"] is True
    assert [(x["label"], x["value"]) for x in entry["args"]] == [("Probe", False), ("Text", "abc"), ("Amount", 0.5),
                                                                 ("Side", "left")]
    assert [entry["args"][2][key] for key in ("minimum", "maximum", "step")] == [0, 1, 0.1]
    assert entry["args"][3]["choices"] == ["left", "right"]


def test_scripts_of_both_tabs(client):
    names = client.get_scripts()
    assert {"probe", "say it twice"} <= set(names["txt2img"])
    assert set(names["txt2img"]) == set(names["img2img"])


def test_infotext_fills_what_the_request_leaves_open(post, small):
    made = post("txt2img", **small, alwayson_scripts={"Probe": {"args": [True, "a, b: c", 0.3, "right"]}}).json()
    infotext = json.loads(made["info"])["infotexts"][0]
    again = post("txt2img", infotext=infotext, prompt="another").json()
    info = json.loads(again["info"])
    assert again["images"][0] != made["images"][0]
    assert (info["prompt"], info["steps"], info["width"], info["seed"]) == ("another", 2, 64, 7)
    assert json.loads(info["extra_generation_params"]["Probe args"]) == [True, "a, b: c", 0.3, "right"]


def test_an_exception_in_a_hook_is_printed_and_the_job_goes_on(post, host, small):
    reply = post("txt2img", **small, alwayson_scripts={"Probe": {"args": [{"hook": "sentence"}]}})
    assert reply.status_code == 200 and len(reply.json()["images"]) == 1
    assert "Error running process" in host.console()


@pytest.mark.parametrize("kind, status, error, detail, errors", [
    ("sentence", 422, "ProbeError", "The foreground is missing: give one.", "The foreground is missing: give one."),
    ("http", 418, "HTTPException", "short and stout", "short and stout"),
    ("bug", 500, "ZeroDivisionError", "", "division by zero"),
])
def test_an_exception_in_sampling_is_the_answer(post, small, kind, status, error, detail, errors):
    reply = post("txt2img", **small, alwayson_scripts={"Probe": {"args": [{"fail": kind}]}})
    assert reply.status_code == status
    assert reply.json() == {"error": error, "detail": detail, "body": "", "errors": errors, "message": errors}


def test_the_next_job_after_a_failed_one(post, small):
    before = post("txt2img", **small).json()["images"]
    post("txt2img", **small, alwayson_scripts={"Probe": {"args": [{"fail": "bug"}]}})
    assert post("txt2img", **small).json()["images"] == before


def test_arrays_among_the_images_break_the_answer_as_on_the_hosts(post, small):
    reply = post("txt2img", **small, alwayson_scripts={"Probe": {"args": [{"numpy": True}]}})
    assert reply.status_code == 500
    assert reply.json()["errors"] == "'numpy.ndarray' object has no attribute 'info'"
