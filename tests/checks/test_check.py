"""Errors and warnings of the checks before a job, message by message."""

import base64
import io
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from decoding import decoded
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.files.variants import EncoderNeed
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.checks import iclight_checks
from sd_relight.lib_relight.checks.check import PanelImage, check, check_body, check_panel
from sd_relight.lib_relight.checks.messages import Level, Message, State, from_error
from sd_relight.lib_relight.models import ip_adapter_files
from sd_relight.lib_relight.models.checkpoint import Checkpoint, inspect
from sd_relight.lib_relight.request.ip_adapter_unit import IpUnit
from sd_relight.lib_relight.request.panel_values import ARGS_FORM, PANEL_ORDER
from sd_relight.lib_relight.request.request import IcLightImages, RelightRequest

PICTURE = decoded(Image.new("RGB", (64, 64)))
WHITE = decoded(Image.new("RGB", (64, 64), "white"))
PHOTO = decoded(Image.linear_gradient("L").resize((64, 64)))
CUTOUT = decoded(np.dstack([np.eye(64, dtype=np.uint8) * 255] * 4))
DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
CUTTING_OUT_IS_OFF = ("Cutting out is off, because {} and nothing may be installed; give an image with transparency or a mask, or set "
                      "`matting` to 'none'.")
MOVED = {"x": 0.25}
SD15 = Checkpoint("v1-5.safetensors", "sd15", 4, 16, 768)


def state(is_img2img=False, folders=lambda kind: [DEMO], **known):
    return State(folders, is_img2img, **known)


def sentences(messages, level):
    return [message.sentence for message in messages if message.level == level]


def errors_of(request, state):
    return sentences(check(request, state), Level.ERROR)


def warnings_of(request, state):
    return sentences(check(request, state), Level.WARNING)


def asked(units=(), **fields):
    pictures = {name: fields.pop(name) for name in ("foreground", "background", "light_map", "mask", "normal_map")
                if name in fields}
    return RelightRequest(IcLightParams(**fields), IcLightImages(**{"foreground": PICTURE, **pictures}), tuple(units))


def unit(**fields):
    return IpUnit(IpAdapterParams(**{"model": "ip-adapter", **fields}), (PICTURE,))


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
    (asked(background_flip=True, background=PICTURE), state()),
    (asked(hr_option="high"), state(has_hires=True)),
    (asked(hr_option="high"), state()),
    (asked(matte_grow=-2, matte_feather=1), state()),
    (asked(matting="alpha"), state(can_cut_out=lambda matting: False)),
    (asked(mask=PICTURE), state(can_cut_out=lambda matting: False)),
    (asked(mask=PHOTO, foreground=PHOTO), state()),
    (asked(mask=PHOTO, foreground=None), state(True)),
    (asked(light="spot", light_angle=30, set="sides"), state()),
    (asked(place=MOVED), state(True)),
    (asked(place=MOVED, keep_background=True, background=PICTURE, foreground=CUTOUT), state()),
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
    (asked(model="fc", background=PICTURE), state(), "`background` is given but the model is fc, which takes none; set `model` to "
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


@pytest.mark.parametrize(("changes", "params", "sentence"), [
    ({"masks": (PICTURE,) * 2, "images": (PICTURE,) * 2}, {"combine": "concat"},
     "`mask` of the unit 'ip-adapter' has 2 masks, but `combine` is 'concat'; set it to 'separate' for one mask per image, or give "
     "one mask."),
    ({"masks": (PICTURE,) * 3, "images": (PICTURE,) * 2}, {"combine": "separate"},
     "`mask` of the unit 'ip-adapter' has 3 masks for 2 images; leave out the others."),
    ({"image_masks": (PICTURE,) * 2}, {}, "`image_mask` of the unit 'ip-adapter' has 2 masks for 1 images; leave out the others."),
    ({"image_masks": (decoded(Image.new("L", (64, 32))),)}, {},
     "`image_mask` of the unit 'ip-adapter' is 64x32 and its image 64x64: their shapes differ, so the mask would not lie on it; send "
     "a mask of the image's shape."),
    ({}, {"uncond": "image"}, "`uncond` is 'image' but `negative_image` is missing; add it or choose another `uncond`."),
    ({"images": (PICTURE,) * 2}, {"tiled": True},
     "`tiled` works with one image, but the unit 'ip-adapter' has 2; switch it off, or give one image."),
    ({"embedding": ((1.0,) * 512,)}, {},
     "`embedding` is a face's, but 'ip-adapter' is no FaceID adapter; leave it out, or choose another `model`."),
])
def test_inputs_of_a_unit_that_do_not_fit(changes, params, sentence):
    assert errors_of(asked([replace(unit(**params), **changes)]), state()) == [sentence]


@pytest.mark.parametrize(("changes", "params", "sentence"), [
    ({"negative_image": PICTURE}, {},
     "`negative_image` of the unit 'ip-adapter' has no effect, because `uncond` is 'official'; set `uncond` to 'image' to use it."),
    ({"image_masks": (PICTURE,)}, {},
     "`image_mask` of the unit 'ip-adapter' is black everywhere, which hides all of its image; paint white what the encoder should see."),
    ({"image_masks": (WHITE,)}, {"tiled": True},
     "`image_mask` of the unit 'ip-adapter' has no effect, because `tiled` encodes the whole image in parts; leave out `image_mask`, "
     "or switch `tiled` off."),
    ({}, {"tiled": True, "crop": "box", "crop_box": (0, 0, 1, 1)}, "`crop` of the unit 'ip-adapter' has no effect, because `tiled` "
     "encodes the whole image in parts; leave out `crop`, or switch `tiled` off."),
    ({}, {"crop_box": (0, 0, 1, 1)},
     "`crop_box` of the unit 'ip-adapter' has no effect, because `crop` is 'center'; set `crop` to 'box' to use it."),
    ({"images": (PICTURE,) * 3}, {"unfold_batch": True},
     "`unfold_batch` of the unit 'ip-adapter' gives one of its 3 images to each image of a batch, but the batch size is 2; the "
     "others have no effect. Raise the batch size."),
    ({}, {"unfold_batch": True},
     "`unfold_batch` of the unit 'ip-adapter' has 1 images for a batch of 2; the last one is used for the others too. Give one for "
     "each image of the batch."),
    ({"images": (PICTURE,) * 2}, {"unfold_batch": True, "combine": "average"},
     "`combine` of the unit 'ip-adapter' has no effect, because `unfold_batch` gives each image of the batch one image of its own; "
     "leave out `combine`, or switch `unfold_batch` off."),
    ({"masks": (PICTURE,) * 2, "images": (PICTURE,) * 3}, {"combine": "separate"},
     "`mask` of the unit 'ip-adapter' has 2 masks for 3 images; those without one work in the whole image."),
    ({}, {"layer_weights": [1, 0.5]},
     "`layer_weights` of the unit 'ip-adapter' has weights for the first 2 of 16 transformers; the others take no image. Give a "
     "weight for each, also where it is 0."),
    ({}, {"layer_weights": "3:0, 4:0"},
     "The unit 'ip-adapter' has the weight 0 in every layer, by `layer_weights`, and does nothing; raise one, or switch the unit off."),
    ({"images": (replace(PICTURE, frames=12),)}, {},
     "`image` has 12 frames or pages; only the first is used. Send another one as an image of its own."),
    ({}, {"image_weights": (0.0,)},
     "`image_weights` of the unit 'ip-adapter' has a 0, but with `combine` 'concat' that image still takes part, as an empty one; "
     "leave the image out."),
    ({"images": (PICTURE,) * 2}, {"combine": "separate", "image_weights": (0.0, 0.0)},
     "`image_weights` of the unit 'ip-adapter' is 0 for every image, so none of them prompts; raise one, or switch the unit off."),
    ({"negative_image": PICTURE}, {"uncond": "image"},
     "`negative_image` of the unit 'ip-adapter' has no effect at CFG scale 1, which has no negative side; raise the CFG scale."),
    ({}, {"image_weights": (1.0, 0.5)},
     "`image_weights` of the unit 'ip-adapter' has 2 numbers for 1 images; the others have no effect."),
])
def test_inputs_of_a_unit_without_effect(changes, params, sentence):
    assert warnings_of(asked([replace(unit(**params), **changes)]), state(batch_size=2, cfg_scale=1)) == [sentence]


@pytest.mark.parametrize(("count", "sentences"), [
    (5, ["`unfold_batch` of the unit 'ip-adapter' gives one of its 5 images to each light of the set, which has 4; the others have no "
         "effect. Leave them out."]),
    (4, []),
    (2, ["`unfold_batch` of the unit 'ip-adapter' has 2 images for the 4 lights of the set; the last one is used for the others "
         "too. Give one for each light."]),
])
def test_images_for_the_lights_of_a_set(count, sentences):
    request = asked([replace(unit(unfold_batch=True), images=(PICTURE,) * count)], light="left", set="sides")
    assert warnings_of(request, state(batch_size=1)) == sentences


@pytest.mark.parametrize(("changes", "params"), [
    ({"masks": (PICTURE,) * 2, "images": (PICTURE,) * 2}, {"combine": "separate"}),
    ({"masks": (PICTURE,), "images": (PICTURE,) * 2, "image_masks": (WHITE,) * 2}, {"image_weights": (1.0, 0.5)}),
    ({"images": (PICTURE,) * 2}, {"combine": "add", "image_weights": (1.0, 0.0)}),
    ({"negative_image": PICTURE}, {"uncond": "image"}),
    ({"images": (PICTURE,) * 2}, {"unfold_batch": True}),
    ({"images": (PICTURE,) * 2, "masks": (PICTURE,) * 2}, {"unfold_batch": True}),
    ({}, {"layer_weights": "3:1, 6:0.5"}),
    ({}, {"layer_weights": [1] * 16}),
    ({}, {"tiled": True}),
])
def test_inputs_of_a_unit_that_fit(changes, params):
    assert check(asked([replace(unit(**params), **changes)]), state(batch_size=2)) == []


@pytest.mark.parametrize("fields", [{"output": "exr"}, {"set": "normals", "set_normals_file": "exr"}])
def test_exr_without_its_package(monkeypatch, fields):
    monkeypatch.setattr(iclight_checks.exr, "importable", lambda name: False)
    name = "output" if "output" in fields else "set_normals_file"
    assert errors_of(asked(light="left", **fields), state()) == [exr_sentence(name)]


def exr_sentence(name):
    return (f'`{name}` exr needs the package OpenEXR, which is not installed; run "{sys.executable}" -m pip install OpenEXR, or choose '
            "png16.")


def test_several_init_images():
    several = state(True, init_images=3, batch_size=4)
    subject = unit(), replace(unit(unfold_batch=True), images=(PICTURE,) * 3)
    assert check(asked(subject, foreground=None), several) == []
    mixed = replace(unit(), images=("subject", PICTURE))
    assert warnings_of(asked([mixed], foreground=None, matting="mask", mask=PICTURE), several) == [
        "`mask` is one mask for 3 img2img images; the same part of each is taken as the subject. Send the images in jobs of their "
        "own, or with transparency, if their subjects lie elsewhere.",
        "`image` of the unit 'ip-adapter' mixes \"subject\" with other images, and img2img has 3 images; the first one's subject is "
        "used in all of them. Give \"subject\" alone, so that each image has its own."]


def test_the_init_images_frames_are_reported_where_it_is_the_subject():
    animated = state(True, init_images=1, init_frames=3)
    assert warnings_of(asked(foreground=None), animated) == [
        "`init_images` has 3 frames or pages; only the first is used. Send another one as an image of its own."]
    assert warnings_of(asked(), animated) == []


def test_fbc_is_known_by_its_file():
    """A file's name says nothing: fbc without a background takes the light as background, at any denoising strength."""
    assert check(asked(model="iclight_fbc", light="left"), state(True, denoise=0.4)) == []
    assert len(check(asked(model="iclight_fc", light="left"), state(True, denoise=0.4))) == 1


def test_files_that_are_not_there(tmp_path):
    found = errors_of(asked([unit(model="plus")]), state(folders=lambda kind: [tmp_path / kind]))
    assert found == [
        "No IC-Light fc model was found; put iclight_sd15_fc.safetensors (any name will do) from "
        f"https://huggingface.co/lllyasviel/ic-light into {tmp_path / 'iclight'}, then generate again.",
        f"`model` of an `ip_adapter` unit is 'plus', but no such file is in {tmp_path / 'ipadapter'}; put it there or choose one "
        "that is there (none yet)."]


def test_a_known_adapter_that_is_not_there_is_named_with_its_source(tmp_path):
    found = errors_of(asked([unit(model="ip-adapter-plus_sd15")], light="none"), state(folders=lambda kind: [tmp_path / kind]))
    assert found[-1] == (
        f"`model` of an `ip_adapter` unit is 'ip-adapter-plus_sd15', but no such file is in {tmp_path / 'ipadapter'}; get "
        "ip-adapter-plus_sd15.safetensors from https://huggingface.co/h94/IP-Adapter and put it there, or choose one that is there "
        "(none yet).")


def test_an_encoder_that_is_not_there_is_named_with_its_source(tmp_path):
    variant = SimpleNamespace(encoder=EncoderNeed("image_embeds", 1024, "H"), path=tmp_path / "plus.safetensors")
    with pytest.raises(RelightError) as caught:
        ip_adapter_files.encoder_for(variant, [tmp_path])
    assert str(caught.value).endswith(
        f"Get CLIP-ViT-H-14.safetensors from https://huggingface.co/h94/IP-Adapter, and put it into {tmp_path}.")


def test_an_adapter_for_another_checkpoint():
    found = errors_of(asked([unit()]), state(checkpoint=Checkpoint("xl", "sdxl", 4, 70, 2048)))
    assert len(found) == 2 and found[1].startswith("`ip-adapter.safetensors` is for SD 1.5 (16 layers, text width ")


def test_what_fits_together_has_no_errors(repo_root):
    demo = inspect(repo_root / "models" / "demo")
    assert (demo.family, demo.in_channels, demo.layers) == ("sd15", 4, 16)
    assert errors_of(asked([unit()], light="left"), state(checkpoint=demo)) == []
    assert errors_of(asked(light="left"), state(checkpoint=Checkpoint("new kind"))) == []


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


def panel_images(*names):
    return {name: PanelImage() for name in names}


@pytest.mark.parametrize(("values", "given", "state", "errors", "warned"), [
    ({"enabled": False}, (), state(), [], 0),
    ({}, ("foreground",), state(), [], 0),
    ({}, (), state(), ["`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."], 0),
    ({"light": "left"}, (), state(True, denoise=0.3, init_images=1), [], 1),
    ({"iclight": False}, (), state(),
     ["Relight is on, but neither IC-Light nor an IP-Adapter unit is enabled; enable one, or close Relight."], 0),
    ({"light_start": "dark"}, ("foreground",), state(), ["`light_start` is 'dark'; it must be a number, or empty."], 0),
    ({"light_start": "dark", "unit2_enabled": True}, ("foreground",), state(),
     ["`light_start` is 'dark'; it must be a number, or empty.",
      "Image 2: `image` of the `ip_adapter` unit 'auto' is missing; add an image, or \"subject\"."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground",), state(),
     ["Image 2: `image` of the `ip_adapter` unit 'ip-adapter' is missing; add an image, or \"subject\"."], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground", "unit2_image"), state(), [], 0),
    ({"unit2_enabled": True, "unit2_model": "ip-adapter"}, ("foreground", "unit2_more"), state(), [], 0),
    ({"light": "left"}, ("foreground", "light_map", "mask"), state(), [], 0),
])
def test_the_panel_as_a_whole(values, given, state, errors, warned):
    found = check_panel(panel_values(**values), panel_images(*given), state)
    assert sentences(found, Level.ERROR) == errors and len(sentences(found, Level.WARNING)) == warned


def test_more_images_of_the_panel_have_weights():
    values = panel_values(unit1_enabled=True, unit1_model="ip-adapter", unit1_image_weights="1, 0.5")
    assert check_panel(values, panel_images("foreground", "unit1_more"), state()) == []
    assert len(check_panel(values, panel_images("foreground", "unit1_image"), state())) == 1


def checked(body, state):
    return check_body(body, state, ("prompt", "steps", "mask", "width", "height", "denoising_strength", "init_images", "alwayson_scripts"))


def sentences_of(found):
    return [message["sentence"] for message in found]


def test_body_of_a_check():
    def now(**known):
        return state(checkpoint=SD15, **known)

    typo = "`iclight` has no field `lihgt`; did you mean `light`?"
    assert checked({"iclight": {"lihgt": "left"}}, now) == {
        "errors": [{"field": "iclight", "value": None, "sentence": typo}], "warnings": []}
    found = checked({"iclight": {}, "ip_adapter": [{"model": "a", "weight": 1, "image": PICTURE}, {"model": "b", "weight": 9}]}, now)
    assert (found["errors"][0]["field"], found["errors"][0]["value"]) == ("weight", 9)
    assert checked({"enabled": False, "iclight": {}}, now) == {"errors": [], "warnings": []}
    found = checked({"iclight": {"light": "left"}, "tab": "img2img", "denoising_strength": 0.4, "width": 64, "height": 64}, now)
    weak = iclight_checks.weak_denoise(0.4)
    assert sentences_of(found["errors"]) == [iclight_checks.NO_INIT_IMAGE]
    assert found["warnings"] == [{"field": "denoising_strength", "value": 0.4, "sentence": weak}]


def test_body_is_the_jobs_own():
    """A job's payload as it is sent: host fields are ignored, Relight's arguments are parsed as in the job."""
    payload = {"prompt": "", "steps": 2, "mask": "x", "alwayson_scripts": {"ControlNet": {"args": [1]}, "relight": {"args": [
        {"iclight": {"light": "left", "foreground": PICTURE}}]}}}
    assert checked(payload, state) == {"errors": [], "warnings": []}
    payload["alwayson_scripts"]["relight"]["args"] = [None]
    assert sentences_of(checked(payload, state)["errors"]) == [f"`args` of Relight begins with None; {ARGS_FORM}."]
    payload["alwayson_scripts"]["relight"] = "{}"
    assert sentences_of(checked(payload, state)["errors"]) == [f"`Relight` in `alwayson_scripts` is '{{}}'; {ARGS_FORM}."]
    assert "`iclight` is given twice" in sentences_of(checked({
        "iclight": {}, "alwayson_scripts": {"Relight": {"args": [{}]}}}, state)["errors"])[0]


def test_tab_of_a_body():
    light = {"iclight": {"light": "left"}}
    no_subject = "`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."
    assert sentences_of(checked(light, state)["errors"]) == [no_subject]
    assert checked({**light, "init_images": ["x"]}, state)["errors"] == []
    assert sentences_of(checked({**light, "tab": "extras"}, state)["errors"]) == ["`tab` is 'extras'; it must be txt2img or img2img."]


def test_unknown_fields_of_a_body():
    found = checked({"iclight": {"light": "left"}, "ip_adaptor": []}, state)
    assert sentences_of(found["errors"]) == ["`Relight` has no field `ip_adaptor`; did you mean `ip_adapter`?"]


@pytest.mark.parametrize("number", [10 ** 400, float("nan"), float("inf"), True, "0.3", None, [0.3]])
def test_body_with_a_denoise_that_is_no_number(number):
    found = checked({"iclight": {"light": "left", "foreground": None}, "tab": "img2img", "denoising_strength": number}, state)
    assert found["warnings"] == []


def test_errors_come_first_and_once():
    request = asked([unit(model="none"), unit(model="none")], light="left", keep_background=True, matting="none")
    levels = [message.level for message in check(request, state())]
    assert levels == [Level.ERROR, Level.WARNING]


def test_message_of_an_error_names_its_field():
    assert from_error(RelightError("`light` is 'x'; choose one of `a`.")) == Message(
        Level.ERROR, "light", None, "`light` is 'x'; choose one of `a`.")
    assert from_error(RelightError("No IC-Light fc model was found.")).field is None


WIDE, TALL = decoded(Image.new("RGB", (180, 120))), decoded(Image.new("RGB", (64, 96)))
OTHER_SHAPE = ("`background` is 64x96 and the img2img image 90x60: their shapes differ, so it is cropped to cover the img2img image "
               "before the sampled part is cut out of both; give one of the same shape.")
NO_BACKGROUND = ("`keep_background` has no background to keep, because the img2img image is a cut-out; its transparent parts become "
                 "grey. Give the whole image, or switch it off.")
INIT = {"tab": "img2img", "denoising_strength": 0.9}


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_an_image_of_another_shape_where_a_part_is_sampled():
    request = asked(light="left", foreground=WIDE, background=TALL)
    assert warnings_of(request, state(True)) == []
    assert warnings_of(request, state(True, part_of=(90, 60))) == [OTHER_SHAPE]
    given = {"foreground": PanelImage((180, 120)), "background": PanelImage((64, 96))}
    assert sentences(check_panel(panel_values(light="left"), given, state(True, part_of=(90, 60))), Level.WARNING) == [OTHER_SHAPE]


def warned_by(body):
    found = check_body(body, state, (*INIT, "init_images", "mask", "inpaint_full_res"))
    return [message["sentence"] for message in found["warnings"]]


def test_the_init_image_and_the_mask_of_a_body():
    init, mask = png(Image.new("RGB", (90, 60))), png(Image.new("L", (90, 60), 255))
    body = {**INIT, "iclight": {"light": "left", "background": png(Image.new("RGB", (64, 96)))}, "init_images": [init]}
    assert warned_by(body) == []
    assert warned_by({**body, "mask": mask}) == [OTHER_SHAPE], "the hosts' default is only masked"
    assert warned_by({**body, "mask": mask, "inpaint_full_res": False}) == []
    assert warned_by({**body, "mask": mask, "init_images": ["x"]}) == []


def test_a_cut_out_as_the_img2img_image_has_no_background():
    request = asked(light="left", foreground=None, keep_background=True)
    assert warnings_of(request, state(True, init_is_cut_out=True)) == [NO_BACKGROUND]
    assert warnings_of(request, state(True)) == []
    cutout = png(Image.new("RGBA", (64, 64), (9, 9, 9, 99)))
    body = {**INIT, "iclight": {"light": "left", "keep_background": True}, "init_images": [cutout]}
    assert warned_by(body) == [NO_BACKGROUND]
    panel = panel_values(light="left", keep_background=True)
    found = check_panel(panel, {"foreground": PanelImage((64, 64), is_cut_out=True)}, state())
    assert sentences(found, Level.WARNING) == [NO_BACKGROUND.replace("the img2img image", "`foreground`")]
