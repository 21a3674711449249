"""Checks of the img2img images: several of them, their frames, a part that is sampled, a cut-out."""

from dataclasses import replace

from checks.example_requests import IMAGE, asked, panel_values, sentences, state, unit, warnings_of
from decoding import decoded
from encoding import encoded
from PIL import Image
from sd_relight.lib_relight.checks.check import PanelImage, check, check_body, check_panel
from sd_relight.lib_relight.checks.messages import Level


def test_several_init_images():
    several = state(True, init_images=3, batch_size=4)
    subject = unit(), replace(unit(unfold_batch=True), images=(IMAGE,) * 3)
    assert check(asked(subject, foreground=None), several) == []
    mixed = replace(unit(), images=("subject", IMAGE))
    assert warnings_of(asked([mixed], foreground=None, matting="mask", mask=IMAGE), several) == [
        "`mask` is one mask for 3 img2img images; the same part of each is taken as the subject. Send the images in jobs of their "
        "own, or with transparency, if their subjects lie elsewhere.",
        "`image` of the unit 'ip-adapter' mixes \"subject\" with other images, and img2img has 3 images; the first one's subject is "
        "used in all of them. Give \"subject\" alone, so that each image has its own."]


def test_the_init_images_frames_are_reported_where_it_is_the_subject():
    animated = state(True, init_images=1, init_frames=3)
    assert warnings_of(asked(foreground=None), animated) == [
        "`init_images` has 3 frames or pages; only the first is used. Send another one as an image of its own."]
    assert warnings_of(asked(), animated) == []


WIDE, TALL = decoded(Image.new("RGB", (180, 120))), decoded(Image.new("RGB", (64, 96)))
OTHER_SHAPE = ("`background` is 64x96 and the img2img image 90x60: their shapes differ, so it is cropped to cover the img2img image "
               "before the sampled part is cut out of both; give one of the same shape.")
NO_BACKGROUND = ("`keep_background` has no background to keep, because the img2img image is a cut-out; its transparent parts become "
                 "grey. Give the whole image, or switch it off.")
INIT = {"tab": "img2img", "denoising_strength": 0.9}


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
    init, mask = encoded(Image.new("RGB", (90, 60))), encoded(Image.new("L", (90, 60), 255))
    body = {**INIT, "iclight": {"light": "left", "background": encoded(Image.new("RGB", (64, 96)))}, "init_images": [init]}
    assert warned_by(body) == []
    assert warned_by({**body, "mask": mask}) == [OTHER_SHAPE], "the hosts' default is only masked"
    assert warned_by({**body, "mask": mask, "inpaint_full_res": False}) == []
    assert warned_by({**body, "mask": mask, "init_images": ["x"]}) == []


def test_a_cut_out_as_the_img2img_image_has_no_background():
    request = asked(light="left", foreground=None, keep_background=True)
    assert warnings_of(request, state(True, init_is_cut_out=True)) == [NO_BACKGROUND]
    assert warnings_of(request, state(True)) == []
    cutout = encoded(Image.new("RGBA", (64, 64), (9, 9, 9, 99)))
    body = {**INIT, "iclight": {"light": "left", "keep_background": True}, "init_images": [cutout]}
    assert warned_by(body) == [NO_BACKGROUND]
    panel = panel_values(light="left", keep_background=True)
    found = check_panel(panel, {"foreground": PanelImage((64, 64), is_cut_out=True)}, state())
    assert sentences(found, Level.WARNING) == [NO_BACKGROUND.replace("the img2img image", "`foreground`")]
