"""Tests encoding of prompts: every family, unconditional choice and combination, and the validation errors."""

import types

import numpy as np
import pytest
import torch
from ipadapter import ip_files as made
from ipadapter.mini_host import CROSS
from PIL import Image
from sd_relight.lib_ipadapter.attend.attention import build_patches
from sd_relight.lib_ipadapter.attend.units import box_mask, build_units
from sd_relight.lib_ipadapter.encode import preprocess
from sd_relight.lib_ipadapter.encode.adapter import Adapter
from sd_relight.lib_ipadapter.encode.encoder import EncoderInfo
from sd_relight.lib_ipadapter.encode.faces import Face
from sd_relight.lib_ipadapter.encode.tokens import Reference, encode_prompt, fingerprint
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.files.adapter_file import AdapterFile
from sd_relight.lib_ipadapter.files.variants import detect
from sd_relight.lib_ipadapter.params import IpAdapterParams

FAMILIES = {
    # family: (image_proj shapes, tokens, what goes in)
    "base": (made.base_proj(24, CROSS), 4, "embedding"), "plus": (made.resampler(40, 64, CROSS, 1), 16, "hidden"),
    "full-face": (made.full_proj(40, CROSS), 50, "hidden"),
    "faceid": (made.face_proj(CROSS), 4, "face"), "portrait": (made.face_proj(CROSS, 16), 16, "face"),
    "portrait-unnorm": (made.resampler(512, 64, CROSS, 1), 16, "face"),
    "faceid-plus": (made.face_plus_proj(CROSS, 40), 4, "face, hidden"),
    "faceid-plusv2": (made.face_plus_proj(CROSS, 40), 4, "face, hidden"),
}


def adapter_of(family):
    layers = made.layer_shapes("sd15", CROSS, 8)
    shapes = FAMILIES[family][0]
    file = AdapterFile(types.SimpleNamespace(name=f"{family}.bin", stem=family), shapes, layers)
    variant = detect(file, family)
    return Adapter(variant, made.random_state(shapes), made.random_state(layers, seed=1), family)


class Encoder:
    """Fake CLIP encoder: image_embeds are the mean colours of a grid, hidden states likewise; the zero input gives a
    constant that is not zero, as a real encoder's does."""

    def __init__(self):
        self.info = EncoderInfo(types.SimpleNamespace(name="tiny.safetensors"), "hf", 3, 40, 96, 24, 32, 50, 4, "gelu")
        self.seen = []

    def encode(self, pixels, output):
        self.seen.append(pixels)
        pooled = torch.nn.functional.adaptive_avg_pool2d(pixels, 7).flatten(1)
        if output == "image_embeds":
            return pooled[:, :24] + 0.1
        return pooled[:, :50, None].expand(-1, -1, 40) * torch.linspace(-1, 1, 40) + 0.1


def make_image(seed=0, size=(64, 48)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def face(seed=0, aligned=True):
    generator = torch.Generator().manual_seed(seed)
    return Face(3 * torch.randn(512, generator=generator), (10, 10, 40, 40), make_image(seed, (224, 224)) if aligned else None)


def references(family, count=1):
    has_face = adapter_of(family).variant.face
    return [Reference(make_image(i), face=face(i) if has_face else None) for i in range(count)]


def encode(family, count=1, encoder=None, refs=None, negative_image=None, uncond_tokens=None, **params):
    adapter = adapter_of(family)
    encoder = encoder or (Encoder() if adapter.variant.encoder else None)
    return encode_prompt(adapter, encoder, refs or references(family, count), IpAdapterParams(**params),
                         negative_image=negative_image, uncond_tokens=uncond_tokens)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_its_tokens(family):
    (one,) = encode(family)
    assert one.cond.shape == one.uncond.shape == (1, FAMILIES[family][1], CROSS)
    assert one.bias is None and not torch.allclose(one.cond, one.uncond)


@pytest.mark.parametrize("family", FAMILIES)
def test_official_unconditional(family):
    """Zeros where an embedding goes in, the encoded zero tensor (not a black image) where hidden states do."""
    adapter, encoder = adapter_of(family), Encoder()
    (one,) = encode(family)
    inputs = FAMILIES[family][2]
    embeds = encoder.encode(torch.zeros(1, 3, 224, 224), "hidden") if "hidden" in inputs else torch.zeros(1, 24)
    want = adapter.project(None if inputs == "face" else embeds, torch.zeros(1, 512) if "face" in inputs else None)
    torch.testing.assert_close(one.uncond, want)


def test_black_is_black_before_normalisation():
    encoder = Encoder()
    (one,) = encode("plus", encoder=encoder, uncond="black")
    black = preprocess.normalise(Image.new("RGB", (224, 224)))
    assert torch.equal(encoder.seen[-1], black)
    torch.testing.assert_close(one.uncond, adapter_of("plus").project(Encoder().encode(black, "hidden")))
    assert torch.equal(encode("base", uncond="black")[0].uncond, encode("base")[0].uncond)


@pytest.mark.parametrize("family", ["base", "plus", "faceid-plus"])
def test_a_negative_image(family):
    negative = make_image(9)
    (one,) = encode(family, uncond="image", negative_image=negative)
    adapter, output = adapter_of(family), adapter_of(family).variant.encoder.output
    embeds = Encoder().encode(preprocess.encoder_input(negative), output)
    identity = torch.zeros(1, 512) if adapter.variant.face else None
    torch.testing.assert_close(one.uncond, adapter.project(embeds, identity))


@pytest.mark.parametrize("kind", ["fade", "dissolve", "gaussian", "shuffle"])
def test_noise(kind):
    first, again = (encode("plus", uncond="noise", noise=kind)[0].uncond for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, encode("plus")[0].uncond)


def test_fooocus_tokens_go_straight_in():
    tokens = torch.randn(1, 9, CROSS)
    (one,) = encode("plus", count=2, uncond="fooocus", uncond_tokens=tokens)
    assert torch.equal(one.uncond, tokens)
    assert one.cond.shape == (1, 32, CROSS)


def test_raw_and_normed_faces():
    one = face()
    adapter = adapter_of("portrait-unnorm")
    torch.testing.assert_close(encode("portrait-unnorm")[0].cond, adapter.project(None, one.raw[None]))
    adapter = adapter_of("faceid")
    torch.testing.assert_close(encode("faceid")[0].cond, adapter.project(None, one.normed[None]))
    assert float(one.raw.norm()) > 10


def test_faceid_plus_sees_the_aligned_face():
    encoder = Encoder()
    (one,) = encode("faceid-plus", encoder=encoder)
    assert torch.equal(encoder.seen[0], preprocess.normalise(face().aligned))
    assert np.array_equal(np.asarray(one.previews[0]), np.asarray(face().aligned))


def test_structure_scale_of_plusv2():
    one, two, none = (encode("faceid-plusv2", faceid_scale=s)[0].cond for s in (1.0, 2.0, 0.0))
    torch.testing.assert_close(two - none, 2 * (one - none), atol=1e-4, rtol=1e-4)
    assert torch.equal(encode("faceid-plus", faceid_scale=1.0)[0].cond, encode("faceid-plus", faceid_scale=2.0)[0].cond)


def test_concat_is_one_sequence():
    (three,) = encode("base", 3)
    singles = [encode("base", refs=[Reference(make_image(i))])[0].cond for i in range(3)]
    torch.testing.assert_close(three.cond, torch.cat(singles, 1))
    assert three.uncond.shape == three.cond.shape


def test_averages_give_one_images_tokens():
    embeds = torch.cat([Encoder().encode(preprocess.encoder_input(make_image(i)), "image_embeds") for i in range(2)])
    for mode, want in (("average", embeds.mean(0)), ("add", embeds.sum(0)), ("subtract", embeds[0] - embeds[1])):
        (one,) = encode("base", 2, combine=mode)
        torch.testing.assert_close(one.cond, adapter_of("base").project(want[None]))
        assert one.cond.shape == (1, 4, CROSS)


def test_weighted_concat_carries_log_weights():
    (one,) = encode("base", 2, combine="weighted concat", image_weights=(1, 2))
    assert one.bias.tolist() == pytest.approx([0.0] * 4 + [float(np.log(2))] * 4)
    torch.testing.assert_close(one.cond, encode("base", 2)[0].cond)


def test_separate_keeps_masks_and_weights():
    mask = torch.rand(1, 8, 8)
    refs = [Reference(make_image(0), mask=mask), Reference(make_image(1))]
    first, second = encode("base", refs=refs, combine="separate", image_weights=(0.5,))
    assert (first.weight, second.weight) == (0.5, 1.0)
    assert first.mask is mask and second.mask is None
    assert len(first.previews) == len(second.previews) == 1


def test_one_input_image_for_each_image():
    (one,) = encode("plus", 3, unfold_batch=True)
    assert (one.cond.shape[0], one.uncond.shape[0]) == (3, 1)


def test_tiles_prompt_their_own_part():
    prompts = encode("plus", refs=[Reference(make_image(0, (300, 300)))], tiled=True)
    assert [p.box for p in prompts] == [(0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1)]
    units = build_units(adapter_of("plus"), prompts, IpAdapterParams(), identity="x")
    total = sum(unit.mask.mask for unit in units)
    assert torch.equal(total, torch.ones(1, 256, 256))


INVALID = [
    ("base", dict(refs=[]), "`image` is missing for `base.bin`; add at least one image."),
    ("base", dict(uncond="image"), "`uncond` is 'image' but `negative_image` is missing; add it or choose another `uncond`."),
    ("base", dict(uncond="fooocus"), "`uncond` is 'fooocus' but fooocus_ip_negative.safetensors was not found; put it beside the "
                                     "adapters, or choose official."),
    ("base", dict(uncond="fooocus", uncond_tokens=torch.ones(1, 4, 2048)),
     "`uncond` is 'fooocus', whose file has the width 2048, but this adapter has 64; the file is for SDXL, choose official."),
    ("faceid", dict(refs=[Reference(make_image())]), "`faceid.bin` needs a face: give an image with one, or its `embedding`."),
    ("faceid-plus", dict(refs=[Reference(face=face(aligned=False))]),
     "`image` is missing: `faceid-plus.bin` needs the face's image beside its embedding."),
    ("base", dict(count=2, tiled=True),
     "`tiled` works with one image and no FaceID adapter; `base.bin` has 2. Leave `tiled` off."),
    ("base", dict(image_weights=(1, 2)), "`image_weights` has 2 numbers for 1 images; leave out the last 1."),
]


@pytest.mark.parametrize(("family", "arguments", "sentence"), INVALID)
def test_validation_errors(family, arguments, sentence):
    adapter, arguments = adapter_of(family), dict(arguments)
    refs = arguments.pop("refs", None)
    extra = {key: arguments.pop(key) for key in ("uncond_tokens",) if key in arguments}
    refs = references(family, arguments.pop("count", 1)) if refs is None else refs
    with pytest.raises(IpAdapterError) as caught:
        encode_prompt(adapter, Encoder() if adapter.variant.encoder else None, refs, IpAdapterParams(**arguments), **extra)
    assert str(caught.value) == sentence


CHANGES = {
    "image_weights": (0.5,), "combine": "average", "crop": "pad", "uncond": "black", "faceid_scale": 2.0, "weight": 0.5,
    "weight_type": "ease in", "composition_weight": 2.0, "boost": 2.0, "layer_weights": "3:1", "scaling": "K+V", "start": 0.5,
    "end": 0.5, "timing": "sigma", "curve": "fade in", "faceid_lora": 0.5, "hr_option": "low", "model": "x"}


@pytest.mark.parametrize("name", CHANGES)
def test_fingerprint_names_what_tokens_depend_on(name):
    """The fingerprint changes exactly if the tokens do."""
    family = "faceid-plusv2"
    before, after = IpAdapterParams(), IpAdapterParams(**{name: CHANGES[name]})
    refs = [Reference(make_image(i, (60, 40)), face=Face(face(i).raw)) for i in range(2)]
    one, two = (encode_prompt(adapter_of(family), Encoder(), refs, params)[0] for params in (before, after))
    same = one.cond.shape == two.cond.shape and torch.equal(one.cond, two.cond) and torch.equal(one.uncond, two.uncond)
    assert (fingerprint(before) == fingerprint(after)) == same


def test_missing_and_wrong_encoders():
    with pytest.raises(IpAdapterError) as caught:
        encode_prompt(adapter_of("base"), None, references("base"), IpAdapterParams())
    assert str(caught.value) == ("`base.bin` needs a CLIP vision encoder (projection width 24); put it into models/clip_vision.")
    wrong = Encoder()
    wrong.info = EncoderInfo(types.SimpleNamespace(name="big.safetensors"), "hf", 48, 1664, 8192, 1280, 14, 257, 16, "gelu")
    with pytest.raises(IpAdapterError) as caught:
        encode("base", encoder=wrong)
    assert str(caught.value) == ("`big.safetensors` is CLIP ViT-bigG (width 1280), but `base.bin` needs a CLIP vision encoder "
                                 "(projection width 24); choose that encoder.")


def test_units_of_a_job():
    adapter = adapter_of("plus")
    prompts = encode("plus", 2)
    units = build_units(adapter, prompts, IpAdapterParams(weight=0.5, scaling="K+V", start=0.2), identity="x")
    assert [unit.identity for unit in units] == ["x|0"]
    assert (units[0].scaling, units[0].window.start, len(units[0].keys)) == ("K+V", 0.2, 16)
    assert len(build_patches(units, "sd15")) == 16
    style = build_units(adapter, prompts, IpAdapterParams(weight_type="composition"), identity="x")
    assert len(style[0].keys) == 2
    assert build_units(adapter, prompts, IpAdapterParams(weight=0), identity="x") == []


def test_only_small_keys_stay_in_memory():
    """What stays during sampling is 16 tokens for each layer, not the adapter: 38 MB become 0.4 on SD 1.5."""
    units = build_units(adapter_of("plus"), encode("plus"), IpAdapterParams(), identity="x", dtype=torch.float16)
    assert {side[0].dtype for layer in units[0].keys.values() for side in (layer.cond, layer.uncond)} == {torch.float16}
    assert all(layer.cond[0].shape[:2] == (1, 16) for layer in units[0].keys.values())


def test_masks_multiply():
    adapter, own = adapter_of("base"), torch.zeros(1, 4, 4)
    own[:, :2] = 1
    prompts = encode("base", refs=[Reference(make_image(), mask=own)], combine="separate")
    job = torch.zeros(1, 8, 8)
    job[:, :, :4] = 1
    (unit,) = build_units(adapter, prompts, IpAdapterParams(), identity="x", mask=job)
    want = torch.zeros(1, 8, 8)
    want[:, :4, :4] = 1
    torch.testing.assert_close(unit.mask.mask[:, ::7, ::7], want[:, ::7, ::7])
    assert torch.equal(box_mask((0, 0.5, 1, 1), (4, 2))[0], torch.tensor([[0.0, 0], [0, 0], [1, 1], [1, 1]]))
