"""Images, masks, weights and options of an IP-Adapter unit: what does not fit, and what has no effect."""

from dataclasses import replace

import pytest
from checks.example_requests import IMAGE, WHITE, asked, errors_of, state, unit, warnings_of
from decoding import decoded
from PIL import Image
from sd_relight.lib_relight.checks.check import check


@pytest.mark.parametrize(("changes", "params", "sentence"), [
    ({"masks": (IMAGE,) * 2, "images": (IMAGE,) * 2}, {"combine": "concat"},
     "`mask` of the unit 'ip-adapter' has 2 masks, but `combine` is 'concat'; set it to 'separate' for one mask per image, or give "
     "one mask."),
    ({"masks": (IMAGE,) * 3, "images": (IMAGE,) * 2}, {"combine": "separate"},
     "`mask` of the unit 'ip-adapter' has 3 masks for 2 images; leave out the others."),
    ({"image_masks": (IMAGE,) * 2}, {}, "`image_mask` of the unit 'ip-adapter' has 2 masks for 1 images; leave out the others."),
    ({"image_masks": (decoded(Image.new("L", (64, 32))),)}, {},
     "`image_mask` of the unit 'ip-adapter' is 64x32 and its image 64x64: their shapes differ, so the mask would not lie on it; send "
     "a mask of the image's shape."),
    ({}, {"uncond": "image"}, "`uncond` is 'image' but `negative_image` is missing; add it or choose another `uncond`."),
    ({"images": (IMAGE,) * 2}, {"tiled": True},
     "`tiled` works with one image, but the unit 'ip-adapter' has 2; switch it off, or give one image."),
    ({"embedding": ((1.0,) * 512,)}, {},
     "`embedding` is a face's, but 'ip-adapter' is no FaceID adapter; leave it out, or choose another `model`."),
])
def test_inputs_of_a_unit_that_do_not_fit(changes, params, sentence):
    assert errors_of(asked([replace(unit(**params), **changes)]), state()) == [sentence]


@pytest.mark.parametrize(("changes", "params", "sentence"), [
    ({"negative_image": IMAGE}, {},
     "`negative_image` of the unit 'ip-adapter' has no effect, because `uncond` is 'official'; set `uncond` to 'image' to use it."),
    ({"image_masks": (IMAGE,)}, {},
     "`image_mask` of the unit 'ip-adapter' is black everywhere, which hides all of its image; paint white what the encoder should see."),
    ({"image_masks": (WHITE,)}, {"tiled": True},
     "`image_mask` of the unit 'ip-adapter' has no effect, because `tiled` encodes the whole image in parts; leave out `image_mask`, "
     "or switch `tiled` off."),
    ({}, {"tiled": True, "crop": "box", "crop_box": (0, 0, 1, 1)}, "`crop` of the unit 'ip-adapter' has no effect, because `tiled` "
     "encodes the whole image in parts; leave out `crop`, or switch `tiled` off."),
    ({}, {"crop_box": (0, 0, 1, 1)},
     "`crop_box` of the unit 'ip-adapter' has no effect, because `crop` is 'center'; set `crop` to 'box' to use it."),
    ({"images": (IMAGE,) * 3}, {"unfold_batch": True},
     "`unfold_batch` of the unit 'ip-adapter' gives one of its 3 images to each image of a batch, but the batch size is 2; the "
     "others have no effect. Raise the batch size."),
    ({}, {"unfold_batch": True},
     "`unfold_batch` of the unit 'ip-adapter' has 1 images for a batch of 2; the last one is used for the others too. Give one for "
     "each image of the batch."),
    ({"images": (IMAGE,) * 2}, {"unfold_batch": True, "combine": "average"},
     "`combine` of the unit 'ip-adapter' has no effect, because `unfold_batch` gives each image of the batch one image of its own; "
     "leave out `combine`, or switch `unfold_batch` off."),
    ({"masks": (IMAGE,) * 2, "images": (IMAGE,) * 3}, {"combine": "separate"},
     "`mask` of the unit 'ip-adapter' has 2 masks for 3 images; those without one work in the whole image."),
    ({}, {"layer_weights": [1, 0.5]},
     "`layer_weights` of the unit 'ip-adapter' has weights for the first 2 of 16 transformers; the others take no image. Give a "
     "weight for each, also where it is 0."),
    ({}, {"layer_weights": "3:0, 4:0"},
     "The unit 'ip-adapter' has the weight 0 in every layer, by `layer_weights`, and does nothing; raise one, or switch the unit off."),
    ({"images": (replace(IMAGE, frames=12),)}, {},
     "`image` has 12 frames or pages; only the first is used. Send another one as an image of its own."),
    ({}, {"image_weights": (0.0,)},
     "`image_weights` of the unit 'ip-adapter' has a 0, but with `combine` 'concat' that image still takes part, as an empty one; "
     "leave the image out."),
    ({"images": (IMAGE,) * 2}, {"combine": "separate", "image_weights": (0.0, 0.0)},
     "`image_weights` of the unit 'ip-adapter' is 0 for every image, so none of them prompts; raise one, or switch the unit off."),
    ({"negative_image": IMAGE}, {"uncond": "image"},
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
    request = asked([replace(unit(unfold_batch=True), images=(IMAGE,) * count)], light="left", set="sides")
    assert warnings_of(request, state(batch_size=1)) == sentences


@pytest.mark.parametrize(("changes", "params"), [
    ({"masks": (IMAGE,) * 2, "images": (IMAGE,) * 2}, {"combine": "separate"}),
    ({"masks": (IMAGE,), "images": (IMAGE,) * 2, "image_masks": (WHITE,) * 2}, {"image_weights": (1.0, 0.5)}),
    ({"images": (IMAGE,) * 2}, {"combine": "add", "image_weights": (1.0, 0.0)}),
    ({"negative_image": IMAGE}, {"uncond": "image"}),
    ({"images": (IMAGE,) * 2}, {"unfold_batch": True}),
    ({"images": (IMAGE,) * 2, "masks": (IMAGE,) * 2}, {"unfold_batch": True}),
    ({}, {"layer_weights": "3:1, 6:0.5"}),
    ({}, {"layer_weights": [1] * 16}),
    ({}, {"tiled": True}),
])
def test_inputs_of_a_unit_that_fit(changes, params):
    assert check(asked([replace(unit(**params), **changes)]), state(batch_size=2)) == []
