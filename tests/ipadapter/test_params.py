"""Tests the unit's parameters: defaults, ranges, aliases of the ControlNet API, validation errors."""

from dataclasses import fields, replace

import pytest
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.params import ALIASES, FIELD_NAMES, IpAdapterParams, parse_layer_weights, split_unit


def message_of(**values):
    with pytest.raises(IpAdapterError) as caught:
        IpAdapterParams(**values)
    return str(caught.value)


def test_documented_defaults():
    params = IpAdapterParams()
    want = {"combine": "concat", "weight": 1.0, "weight_type": "linear", "layer_weights": "", "scaling": "V only", "start": 0.0,
            "end": 1.0, "timing": "steps", "crop": "center", "uncond": "official", "faceid_lora": 1.0, "hr_option": "both"}
    assert {name: getattr(params, name) for name in want} == want


def test_every_field_has_label_and_help_that_ends_in_a_stop():
    for item in fields(IpAdapterParams):
        assert item.metadata["label"] and item.metadata["help"].endswith("."), item.name
        if item.type in ("float", "int"):
            assert item.metadata["minimum"] <= item.default <= item.metadata["maximum"]
            assert item.metadata["step"] > 0
        if "choices" in item.metadata:
            assert item.default in item.metadata["choices"]
    labels = [item.metadata["label"] for item in fields(IpAdapterParams)]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize(("values", "sentence"), [
    ({"weight": 6}, "`weight` is 6; it must be a number from -1 to 5."),
    ({"weight": "1"}, "`weight` is '1'; it must be a number from -1 to 5."),
    ({"weight": 10 ** 400}, "`weight` is 100000000000000000...0000000000000000000; it must be a number from -1 to 5."),
    ({"weight": 10 ** 5000}, "`weight` is a very large int; it must be a number from -1 to 5."),
    ({"weight": True}, "`weight` is True; it must be a number from -1 to 5."),
    ({"weight": float("nan")}, "`weight` is nan; it must be a number from -1 to 5."),
    ({"start": 1.5}, "`start` is 1.5; it must be a number from 0 to 1."),
    ({"start": 0.6, "end": 0.4}, "`start` is 0.6 and `end` is 0.4; start must not be after end."),
    ({"combine": "mix"}, "`combine` is 'mix'; choose one of concat, weighted concat, average, norm average, add, subtract, "
                         "separate."),
    ({"scaling": "K+mean(V) w/ C penalty"}, "`scaling` is 'K+mean(V) w/ C penalty'; choose one of V only, K+V, K+V w/ C penalty."),
    ({"timing": 3}, "`timing` is 3; it must be a text."),
    ({"unfold_batch": 1}, "`unfold_batch` is 1; it must be true or false."),
    ({"face_index": 1.5}, "`face_index` is 1.5; it must be a whole number from -1 to 63."),
    ({"image_weights": [1, "a"]}, "`image_weights` is [1, 'a']; it must be a list of numbers from -5 to 5."),
    ({"crop": "box"}, "`crop` is 'box' but `crop_box` is empty; give left, top, right, bottom as shares 0..1."),
    ({"crop_box": [0, 0, 1]}, "`crop_box` is [0, 0, 1]; it must be a list of 4 numbers from 0 to 1."),
    ({"crop_box": [0.5, 0, 0.2, 1]}, "`crop_box` is (0.5, 0.0, 0.2, 1.0); left must be below right, and top below bottom."),
    ({"layer_weights": "3=1"}, "`layer_weights` is '3=1'; write pairs such as `3:1, 6:0.5` with an index from 0 to 15 and a "
                               "weight from -10 to 10, or one number for each transformer."),
    ({"layer_weights": "16:1"}, "`layer_weights` is '16:1'; write pairs such as `3:1, 6:0.5` with an index from 0 to 15 and a "
                                "weight from -10 to 10, or one number for each transformer."),
])
def test_validation_errors(values, sentence):
    assert message_of(**values) == sentence


@pytest.mark.parametrize(("given", "table"), [
    ("3:1, 6:0.5", {3: 1.0, 6: 0.5}), ("6:0.5,3:1", {3: 1.0, 6: 0.5}), ("0.5, 1, 0", {0: 0.5, 1: 1.0, 2: 0.0}),
    ("[1, 0.5]", {0: 1.0, 1: 0.5}), ([1, 0.5], {0: 1.0, 1: 0.5}), ({"3": 2}, {3: 2.0}), ("", {}), (None, {}), ([], {})])
def test_layer_weights(given, table):
    assert parse_layer_weights(given) == table
    text = IpAdapterParams(layer_weights=given).layer_weights
    assert parse_layer_weights(text) == table
    assert IpAdapterParams(layer_weights=text).layer_weights == text


def test_a_controlnet_unit_is_understood():
    params, inputs = split_unit({
        "enabled": True, "module": "ip-adapter_clip_h", "model": "ip-adapter_sd15", "image": "abc", "weight": 0.8,
        "guidance_start": 0.1, "guidance_end": 0.9, "effective_region_mask": "def", "hr_option": "High res only",
        "advanced_weighting": None, "pixel_perfect": True, "weight_type": "normal"})
    assert params == IpAdapterParams(model="ip-adapter_sd15", weight=0.8, start=0.1, end=0.9, hr_option="high")
    assert inputs == {"image": "abc", "mask": "def"}


def test_a_payload_as_controlnet_s_users_send_it():
    """Every key that they post (Mikubill 3069): keys without a meaning are accepted, and no image is lost."""
    params, inputs = split_unit({
        "control_mode": "Balanced", "enabled": True, "guidance_end": 1.0, "guidance_start": 0.3, "hr_option": "Both",
        "image": {"image": "abc", "mask": None}, "inpaint_crop_input_image": False, "input_mode": "simple", "is_ui": True,
        "loopback": False, "low_vram": False, "batch_images": "", "model": "ip-adapter-plus_sd15 [836b5c2e]",
        "module": "ip-adapter-auto", "output_dir": "", "pixel_perfect": True, "processor_res": 512, "resize_mode": "Crop and Resize",
        "save_detected_map": True, "threshold_a": 0.5, "threshold_b": 0.5, "use_preview_as_input": False, "weight": 0.7,
        "generated_image": None, "union_control_type": "Unknown", "pulid_mode": "Fidelity"})
    assert params == IpAdapterParams(model="ip-adapter-plus_sd15 [836b5c2e]", weight=0.7, start=0.3)
    assert inputs == {"image": {"image": "abc", "mask": None}}


def test_further_names_of_controlnets_fields():
    params, inputs = split_unit({"model": "ip", "input_image": "abc", "mask_image": "def", "guidance": 0.5, "lowvram": True,
                                 "batch_images": [], "batch_input_gallery": [], "batch_modifiers": [], "batch_image_dir": "",
                                 "batch_keyframe_idx": None, "animatediff_batch": False, "ipadapter_input": None})
    assert params == IpAdapterParams(model="ip", end=0.5) and inputs == {"image": "abc", "mask": "def"}
    with pytest.raises(IpAdapterError, match="`ip_adapter` has no field `batch_images`; send the images themselves as `image`"):
        split_unit({"batch_images": ["abc"]})


def test_suggestions_are_fields_with_an_effect():
    for name in ("lowvramm", "processor_ress", "save_detected_mapp"):
        with pytest.raises(IpAdapterError, match="; known fields are model"):
            split_unit({name: 1})


def test_unsupported_embeddings_are_rejected():
    with pytest.raises(IpAdapterError, match="`ip_adapter` has no field `ipadapter_input`"):
        split_unit({"ipadapter_input": ["..."]})


def test_aliases_point_at_fields():
    assert set(ALIASES.values()) <= {*FIELD_NAMES, "mask", "image"}


@pytest.mark.parametrize(("unit", "sentence"), [
    ({"wieght": 1}, "`ip_adapter` has no field `wieght`; did you mean `weight`?"),
    ({"start": 0, "guidance_start": 0}, "`ip_adapter` gives both `start` and its other name `guidance_start`; keep one of them."),
])
def test_invalid_units(unit, sentence):
    with pytest.raises(IpAdapterError) as caught:
        split_unit(unit)
    assert str(caught.value) == sentence


def test_unknown_fields_list_the_known_ones():
    with pytest.raises(IpAdapterError, match="`ip_adapter` has no field `zzz`; known fields are model, family, "):
        split_unit({"zzz": 1})


def test_spelling_of_choices_is_forgiven():
    assert IpAdapterParams(weight_type="Style Transfer", scaling="k+v").scaling == "K+V"
    assert replace(IpAdapterParams(), crop="centre").crop == "center"
