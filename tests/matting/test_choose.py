"""The request's `matting` with images and masks, without running a model."""

import numpy as np
import pytest
from decoding import decoded
from PIL import Image
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.matting import matting, model_table

OPAQUE = Image.new("RGB", (60, 40), (200, 100, 50))


@pytest.fixture
def cutout():
    """RGBA whose alpha is a ramp from 0 to 255 over 52 columns."""
    image = OPAQUE.resize((52, 40)).convert("RGBA")
    image.putalpha(Image.fromarray(np.tile(np.arange(0, 256, 5, dtype=np.uint8), (40, 1))))
    return image


@pytest.fixture
def asked(monkeypatch):
    """matting.matte replaced: records its calls and answers one half everywhere above the threshold."""
    calls = []

    def matte(image, model, progress=None):
        calls.append((image, model))
        return np.full((image.height, image.width), 0.8, np.float32)

    monkeypatch.setattr(matting, "matte", matte)
    return calls


def half_mask(size, mode="L"):
    mask = np.zeros((size[1], size[0]), np.uint8)
    mask[:, : size[0] // 2] = 255
    return Image.fromarray(mask).convert(mode)


def choose(name, *images):
    return matting.choose(name, *map(decoded, images))


def rejected(name, *images):
    with pytest.raises(RelightError) as caught:
        choose(name, *images)
    return caught.value.detail


@pytest.mark.parametrize("image", [OPAQUE, OPAQUE.convert("RGBA")])
def test_none_is_the_whole_image(image, asked):
    assert choose("none", image) is None
    assert not asked


def test_auto_takes_the_images_own_transparency(cutout, asked):
    alpha = choose("auto", cutout)
    np.testing.assert_array_equal(alpha, np.asarray(cutout)[..., 3].astype(np.float32) / 255)
    assert alpha.dtype == np.float32 and not asked


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_auto_runs_the_default_model_on_an_opaque_image(mode, asked):
    alpha = choose("auto", OPAQUE.convert(mode))
    assert alpha.shape == (40, 60) and [model for _, model in asked] == ["auto"]


def test_auto_prefers_a_given_mask(cutout, asked):
    alpha = choose("auto", cutout, half_mask(cutout.size))
    np.testing.assert_array_equal(alpha[:, :26], decoded(cutout).alpha[:, :26])
    assert alpha[:, 26:].max() == 0 and not asked


def test_alpha(cutout):
    np.testing.assert_array_equal(choose("alpha", cutout), choose("auto", cutout))


def test_alpha_without_transparency():
    expected = ("`matting` is 'alpha', but the image has no transparency; send an RGBA image, or choose auto, mask or "
                "none.")
    assert rejected("alpha", OPAQUE) == rejected("alpha", OPAQUE.convert("RGBA")) == expected


@pytest.mark.parametrize("level", [20, 64, 115])
def test_translucent_subjects_are_subjects(level):
    """Glass and smoke."""
    glass = OPAQUE.convert("RGBA")
    glass.putalpha(half_mask(glass.size).point(lambda value: value * level // 255))
    np.testing.assert_allclose(choose("auto", glass)[:, :30], level / 255, atol=1e-6)
    assert choose("mask", OPAQUE, glass.getchannel("A")).max() == pytest.approx(level / 255)


def test_alpha_that_is_zero_everywhere():
    clear = OPAQUE.convert("RGBA")
    clear.putalpha(0)
    assert rejected("auto", clear) == (
        "The image's transparency shows no subject (0.00% of the image); choose another matting model, give a mask that "
        "is white on the subject, or set matting to none.")


def test_a_model_on_a_cutout_sees_grey_and_keeps_the_transparency(cutout, asked):
    alpha = choose("u2net", cutout)
    seen, model = asked[0]
    assert model == "u2net" and seen.mode == "RGB"
    assert seen.getpixel((0, 0)) == (127, 127, 127) and seen.getpixel((51, 0)) == (200, 100, 50)
    np.testing.assert_allclose(alpha, 0.8 * np.asarray(cutout)[..., 3] / 255, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "1", "RGB", "RGBA"])
def test_mask_of_the_same_size(mode):
    alpha = choose("mask", OPAQUE, half_mask((60, 40), mode))
    assert alpha.dtype == np.float32 and alpha.shape == (40, 60)
    assert alpha[:, :30].min() == 1 and alpha[:, 30:].max() == 0


def test_mask_painted_on_transparency():
    strokes = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    strokes.paste((255, 255, 255, 255), (0, 0, 30, 40))
    alpha = choose("mask", OPAQUE, strokes)
    assert alpha[:, :30].min() == 1 and alpha[:, 30:].max() == 0


def test_what_is_transparent_is_no_subject_under_a_mask_either(cutout):
    white = decoded(Image.new("L", cutout.size, 255))
    np.testing.assert_array_equal(matting.choose("mask", decoded(cutout), white), decoded(cutout).alpha)


def test_mask_of_another_size_is_resized():
    alpha = choose("mask", OPAQUE, half_mask((120, 80)))
    assert alpha.shape == (40, 60)
    assert alpha[:, :29].min() == 1 and alpha[:, 31:].max() == 0
    assert choose("mask", OPAQUE, half_mask((61, 40))).shape == (40, 60)  # 1.7 % off


def test_mask_of_another_shape():
    assert rejected("mask", OPAQUE, half_mask((62, 40))) == (
        "`mask` is 62x40 and the image 60x40: their shapes differ, so the mask would not lie on the subject; send a mask "
        "of the image's shape.")


def test_mask_that_is_not_there():
    assert rejected("mask", OPAQUE) == "`matting` is 'mask', but no mask was given; add `mask`, white where the subject is."


def test_mask_that_is_black():
    assert rejected("mask", OPAQUE, Image.new("L", (60, 40))).startswith("`mask` shows no subject (0.00% of the image);")


def test_unknown_model_names_what_there_is(folder):
    (folder / "mine.onnx").write_bytes(b"")
    assert rejected("u2nt", OPAQUE) == (
        f"`matting` is 'u2nt', which is no matting model; there is auto, none, alpha, mask, mine, "
        f"{', '.join(model_table.MODELS)}. Files of your own (*.onnx) go into {folder}.")


def test_choices(folder):
    assert matting.choices() == ["auto", "none", "alpha", "mask", *model_table.MODELS]
    (folder / "mine.onnx").write_bytes(b"")
    (folder / "u2net.ONNX").write_bytes(b"")
    (folder / "notes.txt").write_bytes(b"")
    offered = matting.choices()
    assert offered[4:6] == ["mine", "u2net"] and len(offered) == len(set(offered))


@pytest.mark.parametrize("name", ["mine", "MINE", "mine.onnx"])
def test_a_file_is_found_by_stem_or_name(folder, name):
    (folder / "mine.onnx").write_bytes(b"")
    assert model_table.find(name, folder) == ("mine", folder / "mine.onnx")


def test_a_file_of_the_users_goes_before_rembgs_model(folder):
    (folder / "u2net.onnx").write_bytes(b"")
    assert model_table.find("u2net", folder) == ("u2net", folder / "u2net.onnx")
    assert model_table.find("U2netP", folder) == ("u2netp", None)


def test_a_folder_that_does_not_exist_holds_nothing(folder):
    assert model_table.own_files(folder / "nowhere") == {}


@pytest.mark.parametrize("name, has_alpha, has_mask, model", [
    ("auto", False, False, "u2netp"), ("auto", True, False, None), ("auto", False, True, None), ("none", False, False, None),
    ("alpha", True, False, None), ("mask", False, True, None), ("u2netp", True, False, "u2netp")])
def test_the_model_that_is_run_has_a_name(folder, cutout, asked, name, has_alpha, has_mask, model):
    image = decoded(cutout if has_alpha else OPAQUE)
    mask = decoded(half_mask(image.size)) if has_mask else None
    assert matting.model_used(name, image, mask) == model
    matting.choose(name, image, mask)
    assert bool(asked) is (model is not None)
