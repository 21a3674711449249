"""Errors and warnings of the checks before a job, message by message; what a single message is made of."""

import sys

import pytest
from checks.example_requests import CUTOUT, IMAGE, PHOTO, asked, errors_of, state, unit, warnings_of
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.checks import iclight_checks
from sd_relight.lib_relight.checks.check import check
from sd_relight.lib_relight.checks.messages import Level, Message, from_error
from sd_relight.lib_relight.models.checkpoint import Checkpoint
from sd_relight.lib_relight.request.ip_adapter_unit import IpUnit
from sd_relight.lib_relight.request.request import RelightRequest

CUTTING_OUT_IS_OFF = ("Cutting out is off, because {} and nothing may be installed; give an image with transparency or a mask, or set "
                      "`matting` to 'none'.")
MOVED = {"x": 0.25}


@pytest.mark.parametrize(("request_", "state", "sentence"), [
    (asked(light="left"), state(True, denoise=0.5), "Relight: denoising strength 0.5 is low for a light: the light map itself shows in the image; set 0.9 to 1."),
    (asked(), state(True, denoise=0.5), "`light` is none and the denoising strength 0.5: the image keeps most of its own light; "
                                        "choose a light, or set the strength to 0.9 or more."),
    (RelightRequest(units=(unit(),)), state(True, denoise=0), "The denoising strength is 0, which leaves the img2img image as it is: "
                                                              "the unit 'ip-adapter' does nothing; raise it."),
    (asked(light="left", normal_map=PHOTO), state(), "`normal_map` is used by lights with `light_elevation` only, and there is none; "
                                                     "set it, or leave the map out."),
    (asked(light="left", light_elevation=30, matting="none"), state(), "`light_elevation` shades the subject, which `matting` 'none' does not cut "
     "out; set `matting` to 'auto', or give a `normal_map`."),
    (asked(reinforce=0.5), state(), "`reinforce` works on the light map, and there is none; choose a `light`, or set `reinforce` "
                                    "to 0."),
    (asked(light="left", set="sides", set_frames=8), state(), "`set_frames` works with `set` sweep only, and `set` is 'sides'; choose "
                                                              "another set, or leave it out."),
    (asked(background_flip=True), state(), "`background_flip` has no background to flip; give a `background`, or switch it off."),
    (asked(hr_option="high"), state(has_hires=False), "`hr_option` is 'high', but Hires fix is off: nothing would be relit; switch "
                                                      "it on, or set `hr_option` to 'both'."),
    (asked(matting="none", matte_grow=-2), state(), "`matte_grow` has no matte to work on, because `matting` is 'none'; choose "
                                                    "another matting, or set it to 0."),
    (asked(matting="none", keep_background=True), state(), "`keep_background` needs a matte to find the background, but "
                                                           "`matting` is 'none'; choose another matting."),
    (asked(matting="none", output="rgba"), state(), "`output` rgba needs a matte to cut the subject out, but `matting` is 'none'; choose "
                                                    "another matting."),
    (asked(matting="none", output="psd"), state(), "`output` psd needs a matte to cut the subject out, but `matting` is 'none'; choose "
                                                   "another matting."),
    (asked(matting="none", shadow=0.5), state(), "`shadow` needs a matte to know what casts it, but `matting` is 'none'; choose another matting."),
    (asked(shadow_softness=1), state(), "`shadow_softness` has no shadow to soften; set `shadow` above 0, or leave it out."),
    (asked(matting="none", place=MOVED), state(), "`place` moves the cut-out subject, and `matting` 'none' does not cut it out; set `matting` to "
                                                  "'auto', or leave `place` out."),
    (asked(foreground=None, light="left", place=MOVED), state(True, part_of=(64, 64)),
     "`place` does not move the img2img image's subject while only a part of that image is sampled; give the subject as `foreground`, or "
     "leave `place` out."),
    (asked(keep_background=True, place=MOVED), state(), "`keep_background` does nothing, because `place` moves the subject away from the image "
     "it came from; give a `background`, which is then kept, or switch it off."),
    (asked(mask=PHOTO), state(), "`foreground` is black and white and `mask` is not, so they may be exchanged; give the photo as "
                                 "`foreground` and its silhouette as `mask`."),
    (asked(mask=PHOTO, foreground=None), state(True, init_is_like_mask=True), "The img2img image is black and white and `mask` is not, so "
     "they may be exchanged; give the photo as the img2img image and its silhouette as `mask`."),
    (asked(light="left", light_radius=0.2), state(), "`light_radius` has no effect, because `light` is 'left'; choose another light, or "
                                                     "leave it out."),
    (asked(light_color="#ff8800"), state(), "`light_color` has no effect, because `light` is 'none'; choose another light, or leave it out."),
    (asked(light="top", lights=({"light": "left", "light_x": 0.5}, {"light": "ambient", "light_gamma": 2})), state(),
     "`light_gamma` of entry 2 of `lights` has no effect, because that light is 'ambient'; choose another light, or leave it out."),
    (asked(keep_background=True, foreground=CUTOUT), state(),
     "`keep_background` has no background to keep, because `foreground` is a cut-out; its transparent parts become grey. Give the "
     "whole image, or switch it off."),
    (asked([unit(weight=0)]), state(), "The unit 'ip-adapter' has `weight` 0 and does nothing; raise it, or switch the unit off."),
    (asked([unit(hr_option="high")]), state(has_hires=False), "Relight: the unit 'ip-adapter' works in the hires pass only, which "
                                                              "this job does not have; it did nothing. Set its `hr_option` to "
                                                              "both or low."),
])
def test_each_warning(request_, state, sentence):
    assert warnings_of(request_, state) == [sentence]


@pytest.mark.parametrize(("request_", "state"), [
    (asked(light="left"), state(True, denoise=0.9)),
    (asked(light="left"), state(True)),
    (asked(light="left"), state(False, denoise=0.5)),
    (asked(light="left", model="fbc"), state(True, denoise=0.5)),
    (asked(reinforce=0.5, light="left"), state()),
    (asked(reinforce=0.5, lights=({"light": "top"},)), state()),
    (asked(background_flip=True, background=IMAGE), state()),
    (asked(hr_option="high"), state(has_hires=True)),
    (asked(hr_option="high"), state()),
    (asked(matte_grow=-2, matte_feather=1), state()),
    (asked(matting="alpha"), state(can_cut_out=lambda matting: False)),
    (asked(mask=IMAGE), state(can_cut_out=lambda matting: False)),
    (asked(mask=PHOTO, foreground=PHOTO), state()),
    (asked(mask=PHOTO, foreground=None), state(True)),
    (asked(light="spot", light_angle=30, set="sides"), state()),
    (asked(place=MOVED), state(True)),
    (asked(place=MOVED, keep_background=True, background=IMAGE, foreground=CUTOUT), state()),
    (asked(foreground=CUTOUT), state(can_cut_out=lambda matting: False)),
    (asked(foreground=None), state(True, init_is_cut_out=True, can_cut_out=lambda matting: False)),
    (asked([unit()]), state(has_hires=False)),
    (asked(), state(refiner="None")),
])
def test_nothing_is_reported_where_nothing_is_wrong(request_, state):
    assert warnings_of(request_, state) == []


@pytest.mark.parametrize(("request_", "state", "sentence"), [
    (asked(foreground=None), state(), "`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."),
    (asked(foreground=None), state(True, init_images=0),
     "img2img has no image; add the subject as the img2img image or as `foreground`."),
    (asked(), state(True, init_images=3, batch_size=2),
     "img2img has 3 images, but the batch size is 2; set the batch size to 3, or send fewer images."),
    (asked(), state(refiner="sd_xl_refiner_1.0"),
     "Relight cannot work together with a refiner, which exchanges the model while sampling; set the refiner to None."),
    (asked(light="custom"), state(), "`light` is 'custom' but `light_map` is missing; add the map or choose another light."),
    (asked(matting="mask"), state(), "`matting` is 'mask' but `mask` is missing; add the mask or choose another matting."),
    (asked(model="fbc"), state(), "fbc needs a `background`; add one, or choose a `light`, which then serves as background."),
    (asked(model="fc", background=IMAGE), state(), "`background` is given but the model is fc, which takes none; set `model` to "
                                                     "'auto' or 'fbc', or leave `background` out."),
    (asked(), state(checkpoint=Checkpoint("xl", "sdxl", 4, 70, 2048)),
     "The checkpoint is sdxl; IC-Light needs an SD 1.5 checkpoint. Choose one and generate again."),
    (asked(), state(checkpoint=Checkpoint("inpaint", "sd15", 9, 16, 768)),
     "The checkpoint takes 9 input channels (an inpainting model?); IC-Light needs an ordinary SD 1.5 checkpoint with 4."),
    (asked(), state(checkpoint=Checkpoint("iclight_fc.safetensors", "iclight", 8, 16, 768)),
     "iclight_fc.safetensors is an IC-Light file chosen as checkpoint; choose an SD 1.5 checkpoint and leave IC-Light to "
     "Relight's `model`."),
    (asked(foreground=None, place=MOVED), state(True), "`place` moves the subject, but img2img starts from the image that has it elsewhere; "
                                                       "choose a `light`, or give a `background`."),
    (asked(matting="u2net"), state(can_cut_out=lambda matting: False), CUTTING_OUT_IS_OFF.format("rembg is not installed")),
    (asked(), state(can_cut_out=lambda matting: False), CUTTING_OUT_IS_OFF.format("there is no matting model")),
    (asked(foreground=None), state(True, can_cut_out=lambda matting: False), CUTTING_OUT_IS_OFF.format("there is no matting model")),
    (RelightRequest(units=(IpUnit(IpAdapterParams(model="ip-adapter"), ("subject",)),)), state(),
     "An `ip_adapter` unit asks for the 'subject', but there is no `iclight` in this job; give the unit an image of its own."),
])
def test_each_error_is_the_jobs_own(request_, state, sentence):
    assert errors_of(request_, state) == [sentence]


@pytest.mark.parametrize("fields", [{"output": "exr"}, {"set": "normals", "set_normals_file": "exr"}])
def test_exr_without_its_package(monkeypatch, fields):
    monkeypatch.setattr(iclight_checks.exr, "importable", lambda name: False)
    name = "output" if "output" in fields else "set_normals_file"
    assert errors_of(asked(light="left", **fields), state()) == [exr_sentence(name)]


def exr_sentence(name):
    return (f'`{name}` exr needs the package OpenEXR, which is not installed; run "{sys.executable}" -m pip install OpenEXR, or choose '
            "png16.")


def test_errors_come_first_and_once():
    request = asked([unit(model="none"), unit(model="none")], light="left", keep_background=True, matting="none")
    levels = [message.level for message in check(request, state())]
    assert levels == [Level.ERROR, Level.WARNING]


def test_message_of_an_error_names_its_field():
    assert from_error(RelightError("`light` is 'x'; choose one of `a`.")) == Message(
        Level.ERROR, "light", None, "`light` is 'x'; choose one of `a`.")
    assert from_error(RelightError("No IC-Light fc model was found.")).field is None
