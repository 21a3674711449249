"""Infotext: one key per field, written and read back."""

import pytest
from decoding import decoded
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.request.infotext import MARKER, IcLightReport, paste_fields, to_infotext, units_to_infotext
from sd_relight.lib_relight.request.ip_adapter_unit import SUBJECT, IpUnit
from sd_relight.lib_relight.request.panel_values import ICLIGHT_PANEL_FIELDS, UNIT_PANEL_FIELDS
from sd_relight.lib_relight.request.request import IcLightImages

CHANGED = {"model": "fbc", "background_flip": True, "light": "top-left", "matting": "u2net", "reinforce": 0.35, "detail": 0.5,
           "detail_sigma": 2.5, "color_hold": 0.25, "keep_background": True, "condition_scale": 1.15, "hr_option": "high",
           "compensate_steps": False}


@pytest.mark.parametrize("params", [IcLightParams(), IcLightParams(**CHANGED)], ids=["default", "changed"])
def test_round_trip(params):
    pairs = {MARKER: "proof", **to_infotext(params, IcLightImages())}
    pasted = {name: read(pairs) for name, read in paste_fields()}
    assert {name: pasted[name] for name in ICLIGHT_PANEL_FIELDS if name != "extras"} == {
        name: "" if (value := getattr(params, name)) in (None, ()) else value for name in ICLIGHT_PANEL_FIELDS if name != "extras"}
    assert pasted["iclight"] is True and pasted["unit1_enabled"] is False


def test_units_round_trip():
    units = [IpUnit(IpAdapterParams(model="ip-adapter_sd15", weight=0.65, weight_type="style transfer"), (SUBJECT,)),
             IpUnit(IpAdapterParams(model="plus", start=0.25, face_index=2, tiled=True), (decoded(Image.new("RGB", (16, 16))),))]
    pasted_pairs = {MARKER: "IP-Adapter ip-adapter_sd15 + plus, patched 16/16", **units_to_infotext(units)}
    pasted = {name: read(pasted_pairs) for name, read in paste_fields()}
    for number, unit in enumerate(units, 1):
        assert {name: pasted[f"unit{number}_{name}"] for name in UNIT_PANEL_FIELDS} == {
            name: getattr(unit.params, name) or "" if name in ("image_weights", "crop_box") else getattr(unit.params, name)
            for name in UNIT_PANEL_FIELDS}
    assert (pasted["iclight"], pasted["unit1_use_subject"], pasted["unit2_use_subject"], pasted["unit3_enabled"]) == (
        False, True, False, False)


def test_lists_are_pasted_as_the_panel_writes_them():
    unit = IpUnit(IpAdapterParams(model="ip", crop="box", crop_box=(0.1, 0, 0.9, 1), image_weights=(1, 0.5)), (SUBJECT,))
    pasted = {name: read({MARKER: "IP-Adapter ip", **units_to_infotext([unit])}) for name, read in paste_fields()}
    assert (pasted["unit1_crop_box"], pasted["unit1_image_weights"]) == ("0.1, 0, 0.9, 1", "1, 0.5")


@pytest.mark.parametrize("field, text", [("light angle", "abc"), ("set frames", "3.7"), ("light start", ""), ("keep background", "on")])
def test_a_text_that_is_no_value_keeps_the_field(field, text, capsys):
    pasted = {name: read({MARKER: "fc", f"Relight {field}": text, "Relight light": "left"}) for name, read in paste_fields()}
    assert pasted[field.replace(" ", "_")] is None and pasted["light"] == "left"
    assert capsys.readouterr().out == (f"[Relight] `Relight {field}` in the infotext is {text!r}, which cannot be read; the field is left "
                                       "as it is.\n")


def test_booleans_in_any_case():
    pasted = {name: read({MARKER: "fc", "Relight keep background": "true"}) for name, read in paste_fields()}
    assert pasted["keep_background"] is True


def test_an_image_without_us_changes_nothing():
    assert {read({"Steps": "20"}) for _, read in paste_fields()} == {None}


def test_images_are_named_by_hash_only():
    one, other = (to_infotext(IcLightParams(), IcLightImages(decoded(Image.new("RGB", (16, 16), color)))) for color in ("red", "blue"))
    assert one.keys() == {"Relight foreground hash"}
    assert len(one["Relight foreground hash"]) == 10
    assert one != other


def test_report():
    report = IcLightReport("fc", 686, 686, {"64x80": None, "96x120": None}, (25, 27))
    assert report.text("left") == "fc, left, 686/686 weights, condition 64x80 and 96x120, 25 steps run of 27"
    assert IcLightReport("fbc", 686, 686, {"32x32": None}).text("none") == "fbc, none, 686/686 weights, condition 32x32"
