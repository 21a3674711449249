"""Infotext as text: round trip, and infotext of other programs."""

import pytest


@pytest.fixture(scope="module")
def infotext_utils(tmp_path_factory):
    from sd_relight.embedded_host.install import install_modules

    folder = tmp_path_factory.mktemp("host")
    install_modules(folder, device="cpu", data_dir=folder)
    from modules import infotext_utils

    return infotext_utils


@pytest.mark.parametrize("value", ["plain", "a, b: c", 'says "hi", twice', "two\nlines", "back\\slash, x", "ünïcode, ✓",
                                   "{\"light\": \"left\"}", "tail,"])
def test_a_quoted_value_is_read_back(infotext_utils, value):
    text = f"a vase\nSteps: 2, Key: {infotext_utils.quote(value)}, Seed: 7, Size: 64x96"
    params = infotext_utils.parse_generation_parameters(text)
    assert (params["Key"], params["Seed"], params["Size-1"], params["Size-2"]) == (value, "7", "64", "96")


def test_only_values_that_need_it_are_quoted(infotext_utils):
    assert [infotext_utils.quote(x) for x in ("left", 0.5, "a:b")] == ["left", 0.5, '"a:b"']


@pytest.mark.parametrize("text, prompt, negative", [
    ("a\nb\nNegative prompt: c\nd\nSteps: 2, Seed: 1, Size: 8x8", "a\nb", "c\nd"),
    ("Steps: 2, Seed: 1, Size: 8x8", "", ""),
    ("only a prompt", "only a prompt", ""),
    ("colour: red, mood: calm", "colour: red, mood: calm", ""),
    ("", "", ""),
])
def test_prompts(infotext_utils, text, prompt, negative):
    params = infotext_utils.parse_generation_parameters(text)
    assert (params["Prompt"], params["Negative prompt"]) == (prompt, negative)


def test_what_is_not_named_gets_the_hosts_meaning(infotext_utils):
    params = infotext_utils.parse_generation_parameters("x\nSteps: 2, Seed: 1, Sampler: Euler")
    assert (params["Clip skip"], params["Schedule type"], params["Hires resize-1"]) == ("1", "Automatic", 0)


def test_fields_can_be_left_out(infotext_utils):
    params = infotext_utils.parse_generation_parameters("x\nSteps: 2, Seed: 1, Sampler: Euler", ["Seed", "Nothing"])
    assert "Seed" not in params and params["Steps"] == "2"


@pytest.mark.parametrize("current, text, value", [(True, "False", False), (False, "True", True), (1, "2", 2),
                                                  (1, "2.0", 2), (1, "2.5", 2.5), (0.5, "1", 1.0), ("a", 3, "3"),
                                                  (None, "x", "x")])
def test_a_pasted_value_takes_the_components_type(infotext_utils, current, text, value):
    cast = infotext_utils.cast_like(current, text)
    assert cast == value and type(cast) is type(value)


def test_a_value_that_does_not_fit_is_an_error(infotext_utils):
    with pytest.raises(ValueError):
        infotext_utils.cast_like(1, "many")


def test_paste_fields_know_key_or_function(infotext_utils):
    component, reader = object(), lambda params: None
    by_key = infotext_utils.PasteField(component, "Steps", api="steps")
    by_function = infotext_utils.PasteField(component, reader)
    assert (by_key.label, by_key.function, by_key.api, tuple(by_key)) == ("Steps", None, "steps", (component, "Steps"))
    assert (by_function.label, by_function.function) == (None, reader)
