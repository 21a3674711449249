"""What is said before Generate, sentence by sentence."""

import pytest
from decoding import decoded
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.checks import check
from sd_relight.lib_relight.checks.check import State, check_body, check_panel, errors_of, warnings_of
from sd_relight.lib_relight.models.checkpoint import Checkpoint, inspect
from sd_relight.lib_relight.request.ip_adapter_unit import IpUnit
from sd_relight.lib_relight.request.panel_values import PANEL_ORDER
from sd_relight.lib_relight.request.request import IcLightImages, RelightRequest

PICTURE = decoded(Image.new("RGB", (64, 64)))
SD15 = Checkpoint("v1-5.safetensors", "sd15", 4, 16, 768)


def asked(units=(), **fields):
    pictures = {name: fields.pop(name) for name in ("foreground", "background", "light_map", "mask") if name in fields}
    return RelightRequest(IcLightParams(**fields), IcLightImages(**{"foreground": PICTURE, **pictures}), tuple(units))


def unit(**fields):
    return IpUnit(IpAdapterParams(**{"model": "ip-adapter", **fields}), (PICTURE,))


@pytest.fixture
def folders(repo_root):
    return lambda kind: [repo_root / "models" / "demo"]


@pytest.mark.parametrize(("request_", "state", "sentence"), [
    (asked(light="left"), State(True, denoise=0.5), "Relight: denoising strength 0.5 is low for a light; 0.9 to 1 shows it fully."),
    (asked(), State(True, denoise=0.5), "`light` is none and the denoising strength 0.5: the picture keeps most of its own light; "
                                        "choose a light, or set the strength to 0.9 or more."),
    (asked(reinforce=0.5), State(), "`reinforce` works on the light map, and there is none; choose a `light`, or set `reinforce` "
                                    "to 0."),
    (asked(background_flip=True), State(), "`background_flip` has no background to flip; give a `background`, or switch it off."),
    (asked(hr_option="high"), State(has_hires=False), "`hr_option` is 'high', but Hires fix is off: nothing would be relit; switch "
                                                      "it on, or set `hr_option` to 'both'."),
    (asked(matting="none", matte_grow=-2), State(), "`matte_grow` has no matte to work on, because `matting` is 'none'; choose "
                                                    "another matting, or set it to 0."),
    (asked(matting="none", keep_background=True), State(), "`keep_background` needs a matte to know the background by, but "
                                                           "`matting` is 'none'; choose another matting."),
    (asked(matting="u2net"), State(can_cut_out=False), "Cutting out is off, because rembg is not installed and nothing may be "
                                                       "installed; give a picture with transparency or a mask, or set `matting` "
                                                       "to 'none'."),
    (asked([unit(weight=0)]), State(), "The unit 'ip-adapter' has `weight` 0 and does nothing; raise it, or switch the unit off."),
    (asked([unit(hr_option="high")]), State(has_hires=False), "Relight: the unit 'ip-adapter' works in the hires pass only, which "
                                                              "this job does not have; it did nothing. Set its `hr_option` to "
                                                              "both or low."),
])
def test_each_warning(request_, state, sentence):
    assert warnings_of(request_, state) == [sentence]


@pytest.mark.parametrize(("request_", "state"), [
    (asked(light="left"), State(True, denoise=0.9)),
    (asked(light="left"), State(True)),
    (asked(light="left"), State(False, denoise=0.5)),
    (asked(light="left", model="fbc"), State(True, denoise=0.5)),
    (asked(reinforce=0.5, light="left"), State()),
    (asked(reinforce=0.5, lights=({"light": "top"},)), State()),
    (asked(background_flip=True, background=PICTURE), State()),
    (asked(hr_option="high"), State(has_hires=True)),
    (asked(hr_option="high"), State()),
    (asked(matte_grow=-2, matte_feather=1), State()),
    (asked(matting="alpha"), State(can_cut_out=False)),
    (asked([unit()]), State(has_hires=False)),
])
def test_nothing_is_said_where_nothing_is_wrong(request_, state):
    assert warnings_of(request_, state) == []


@pytest.mark.parametrize(("request_", "state", "sentence"), [
    (asked(foreground=None), State(), "`foreground` is missing: txt2img needs the subject's picture; add one, or use img2img."),
    (asked(foreground=None), State(True, has_picture=False),
     "img2img has no picture; add the subject as the img2img image or as `foreground`."),
    (asked(light="custom"), State(), "`light` is 'custom' but `light_map` is missing; add the map or choose another light."),
    (asked(matting="mask"), State(), "`matting` is 'mask' but `mask` is missing; add the mask or choose another matting."),
    (asked(model="fbc"), State(), "fbc needs a `background`; add one, or choose a `light`, which then serves as background."),
    (asked(model="fc", background=PICTURE), State(), "`background` is given but the model is fc, which takes none; set `model` to "
                                                     "'auto' or 'fbc', or leave `background` out."),
    (asked(), State(checkpoint=Checkpoint("xl", "sdxl", 4, 70, 2048)),
     "The checkpoint is sdxl; IC-Light needs an SD 1.5 checkpoint. Choose one and generate again."),
    (asked(), State(checkpoint=Checkpoint("inpaint", "sd15", 9, 16, 768)),
     "The checkpoint takes 9 input channels (an inpainting model?); IC-Light needs an ordinary SD 1.5 checkpoint with 4."),
    (asked(), State(checkpoint=Checkpoint("iclight_fc.safetensors", "iclight", 8, 16, 768)),
     "iclight_fc.safetensors is an IC-Light file chosen as checkpoint; choose an SD 1.5 checkpoint and leave IC-Light to "
     "Relight's `model`."),
    (RelightRequest(units=(IpUnit(IpAdapterParams(model="ip-adapter"), ("subject",)),)), State(),
     "An `ip_adapter` unit asks for the 'subject', but there is no `iclight` in this job; give the unit a picture of its own."),
])
def test_each_error_is_the_jobs_own(request_, state, sentence, folders):
    assert errors_of(request_, state, folders) == [sentence]


def test_files_that_are_not_there(tmp_path):
    found = errors_of(asked([unit(model="plus")]), State(), lambda kind: [tmp_path / kind])
    assert found == [
        "No IC-Light fc model was found; put iclight_sd15_fc.safetensors (any name will do) into "
        f"{tmp_path / 'iclight'}, then generate again.",
        f"`model` of an `ip_adapter` unit is 'plus', but no such file is in {tmp_path / 'ipadapter'}; put it there or choose one "
        "that is there (none yet)."]


def test_an_adapter_for_another_checkpoint(folders):
    found = errors_of(asked([unit()]), State(checkpoint=Checkpoint("xl", "sdxl", 4, 70, 2048)), folders)
    assert len(found) == 2 and found[1].startswith("`ip-adapter.safetensors` is for SD 1.5 (16 layers, text width ")


def test_what_fits_together_has_no_errors(folders, repo_root):
    demo = inspect(repo_root / "models" / "demo")
    assert (demo.family, demo.in_channels, demo.layers) == ("sd15", 4, 16)
    assert errors_of(asked([unit()], light="left"), State(checkpoint=demo), folders) == []
    assert errors_of(asked(light="left"), State(checkpoint=Checkpoint("new kind")), folders) == []


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "page.safetensors").write_bytes(b"<!doctype html>")
    assert inspect(tmp_path / "page.safetensors") == Checkpoint("page.safetensors")
    assert inspect(tmp_path / "absent.safetensors").family == "unknown"


def panel_values(**changes):
    defaults = {name: None for name in PANEL_ORDER} | {"enabled": True, "iclight": True}
    light = IcLightParams()
    for name in PANEL_ORDER:
        if hasattr(light, name):
            defaults[name] = getattr(light, name)
    for number in range(1, 5):
        defaults |= {f"unit{number}_{name}": getattr(IpAdapterParams(), name) for name in vars(IpAdapterParams())}
        defaults[f"unit{number}_enabled"] = False
    return {**defaults, **changes}


@pytest.mark.parametrize(("values", "given", "state", "errors", "warned"), [
    ({"enabled": False}, set(), State(), [], 0),
    ({}, {"foreground"}, State(), [], 0),
    ({}, set(), State(), ["`foreground` is missing: txt2img needs the subject's picture; add one, or use img2img."], 0),
    ({"light": "left"}, set(), State(True, denoise=0.3, has_picture=True), [], 1),
    ({"iclight": False}, set(), State(),
     ["Relight is on, but neither IC-Light nor a picture unit is enabled; enable one, or close Relight."], 0),
    ({"light_start": "dark"}, {"foreground"}, State(), ["`light_start` is 'dark'; it must be a number, or empty."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, {"foreground"}, State(),
     ["`image` of the `ip_adapter` unit 'ip-adapter' is missing; add a picture, or \"subject\"."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, {"foreground", "unit2_image"}, State(), [], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, {"foreground", "unit2_more"}, State(), [], 0),
    ({"light": "left"}, {"foreground", "light_map", "mask"}, State(), [], 0),
])
def test_the_panel_as_it_stands(values, given, state, errors, warned, folders):
    found, remarks = check_panel(panel_values(**values), given, state, folders)
    assert found == errors and len(remarks) == warned


def test_the_body_of_a_check(folders):
    def state(**known):
        return State(checkpoint=SD15, **known)

    assert check_body({"iclight": {"lihgt": "left"}}, state, folders) == {
        "errors": ["`iclight` has no field `lihgt`; did you mean `light`?"], "warnings": []}
    assert check_body({"enabled": False, "iclight": {}}, state, folders) == {"errors": [], "warnings": []}
    found = check_body({"iclight": {"light": "left"}, "tab": "img2img", "denoising_strength": 0.4}, state, folders)
    assert found["errors"] == [check.iclight_checks.NO_PICTURE] and found["warnings"] == [check.iclight_checks.weak_denoise(0.4)]
