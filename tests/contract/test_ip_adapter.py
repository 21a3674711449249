"""Image prompts on any host: units together and apart, with light, in hires, with masks and times."""

import numpy as np
import pytest
from contract.adapter_files import BASE, PLUS, lay_adapters
from contract.client import difference
from contract.subjects import BACKGROUND, DISC, FOREGROUND, SCENE, WIDE_DISC, WIDE_SCENE, fc, subject
from encoding import encoded
from PIL import Image

LEAST = 0.02
"""Grey levels by which images that must differ do so in the mean; equal ones are equal in every pixel."""

HIRES = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.7, "hr_second_pass_steps": 2,
         "hr_additional_modules": ["Use same choices"]}
WHITE, BLACK = encoded(Image.new("L", (64, 64), 255)), encoded(Image.new("L", (64, 64), 0))


def base(image=SCENE, **fields):
    return {"model": BASE, "image": image, **fields}


def plus(image=SCENE, **fields):
    return {"model": PLUS, "image": image, **fields}


FOUR = [base(), plus(weight=0.7), base(BACKGROUND, weight=0.5), plus(FOREGROUND, weight=0.6)]


@pytest.fixture(scope="module", autouse=True)
def adapters(client):
    lay_adapters(client)


@pytest.fixture
def make(client):
    """make(unit, ...) -> Reply of a job with these units; the same arguments are made once."""
    return lambda *units, tab="txt2img", light=None, **fields: client.once(
        tab, relight={**(light or {}), "ip_adapter": list(units)}, **fields)


def expected_proof(*names, patched=16):
    return f"IP-Adapter {' + '.join(names)}, patched {patched}/16"


def equal(one, other):
    assert one.size == other.size
    return (one.pixels() == other.pixels()).all()


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("unit", [base(), plus()], ids=["base", "plus"])
def test_one_unit(client, make, unit):
    reply = make(unit)
    assert reply.proof == expected_proof(unit["model"])
    assert difference(reply, client.plain) > LEAST
    assert np.asarray(reply.image()).std() > 1, "the image is not one colour"


def test_another_image_makes_another_image(make):
    assert difference(make(base()), make(base(BACKGROUND))) > LEAST


@pytest.mark.parametrize("unit", [base(weight=0), plus(weight=0)], ids=["base", "plus"])
def test_weight_0_is_no_unit_at_all(client, make, unit):
    reply = make(unit)
    assert equal(reply, client.plain)
    assert reply.proof == expected_proof(unit["model"], patched=0)


def test_a_unit_of_weight_0_beside_another(make):
    assert equal(make(plus(), base(weight=0)), make(plus()))


def test_weight_below_0_pushes_away(client, make):
    away, towards = make(base(weight=-1)), make(base())
    assert difference(away, towards) > LEAST and difference(away, client.plain) > LEAST


def test_plus_and_base_together(make):
    both = make(plus(), base())
    assert both.proof == expected_proof(PLUS, BASE)
    assert difference(both, make(base())) > LEAST and difference(both, make(plus())) > LEAST


def test_the_order_of_units_changes_nothing(client, make):
    first, second = base(), base(BACKGROUND, weight=0.5)
    assert equal(make(first, second), make(second, first))
    assert difference(make(first, second), make(first)) > LEAST


@pytest.mark.usefixtures("undone")
def test_four_units(make):
    reply = make(*FOUR)
    assert reply.proof == expected_proof(BASE, PLUS, BASE, PLUS)
    assert equal(reply, make(*reversed(FOUR)))
    assert difference(reply, make(*FOUR[:3])) > LEAST


def test_several_images_in_one_unit(make):
    several = make(base([SCENE, BACKGROUND]))
    averaged = make(base([SCENE, BACKGROUND], combine="average"))
    images = [several, averaged, make(base()), make(base(BACKGROUND))]
    assert all(difference(a, b) > LEAST for i, a in enumerate(images) for b in images[:i])


@pytest.mark.usefixtures("undone")
def test_with_light_in_the_same_job(client, make):
    light = fc(light="left")
    both, lit = make(plus(), light=light), client.once(relight=light)
    assert both.proof == f"{lit.proof}; {expected_proof(PLUS)}"
    assert difference(both, lit) > LEAST and difference(both, make(plus())) > LEAST
    assert equal(make(plus(weight=0), light=light), lit)


def test_the_subject_as_image(client, make):
    """Its own image on grey, where the matte is: not what the same image is without a mask."""
    light = fc(light="left")
    reply = make(plus("subject"), light=light)
    assert reply.proof.endswith(expected_proof(PLUS))
    assert "Relight IP 1 use subject: True" in reply.infotexts[0]
    assert difference(reply, client.once(relight=light)) > LEAST
    assert difference(reply, make(plus(FOREGROUND), light=light)) > LEAST


def test_hires_in_both_passes_or_one(client, make, upscaler):
    fields = {**HIRES, "hr_upscaler": upscaler}
    replies = {option: make(plus(hr_option=option), **fields) for option in ("both", "low", "high")}
    assert {reply.size for reply in replies.values()} == {(128, 128)}
    assert {reply.proof for reply in replies.values()} == {expected_proof(PLUS)}
    images = [client.once(**fields), *replies.values()]
    assert all(difference(a, b) > LEAST for i, a in enumerate(images) for b in images[:i])
    assert client.send(**fields).png == images[0].png, "the plain hires job is what it was"


def test_start_and_end_count_the_steps(client, make):
    """4 steps: at the last of 2 so little noise is left that no grey level need change."""
    plain = client.once(steps=4)
    first, second, whole = (make(unit, steps=4) for unit in (plus(end=0.5), plus(start=0.5), plus()))
    images = [first, second, whole, plain]
    assert all(difference(a, b) > LEAST for i, a in enumerate(images) for b in images[:i])
    assert equal(make(plus(start=0, end=0), steps=4), plain)
    assert "Relight IP 1 end: 0.5" in first.infotexts[0]


def test_mask(client, make):
    white, half, black = (make(plus(mask=mask)) for mask in (WHITE, DISC, BLACK))
    assert equal(black, client.plain)
    assert np.abs(white.pixels() - make(plus()).pixels()).max() <= 1
    assert difference(half, white) > LEAST and difference(half, client.plain) > LEAST


@pytest.mark.parametrize("field", ["mask", "image_mask"])
def test_alpha_of_a_mask_equals_its_grey_levels(make, field):
    """A brush leaves white or black strokes on a transparent layer, segmentation tools write grey, one bit or a palette."""
    levels = Image.new("L", (64, 64))
    levels.paste(255, (8, 8, 40, 56))
    layers = [Image.new("RGBA", levels.size, color) for color in ("white", "black")]
    for layer in layers:
        layer.putalpha(levels)
    first, *others = (make(plus(**{field: encoded(form)}))
                      for form in (levels, *layers, levels.convert("1"), levels.convert("P"), levels.convert("RGBA")))
    assert difference(first, make(plus())) > LEAST
    assert all(equal(first, other) for other in others)


def test_img2img_and_only_masked(client, make):
    for fields in ({"init_images": [SCENE], "denoising_strength": 0.9},
                   {"init_images": [WIDE_SCENE], "denoising_strength": 0.9, "mask": WIDE_DISC, "inpaint_full_res": True,
                    "inpaint_full_res_padding": 8, "inpainting_fill": 1}):
        reply = make(plus(BACKGROUND, mask=DISC), tab="img2img", **fields)
        assert reply.proof == expected_proof(PLUS)
        assert difference(reply, client.once("img2img", **fields)) > LEAST


def test_batch_of_two_by_two(make):
    reply = make(plus(), batch_size=2, n_iter=2)
    assert len(set(reply.png)) == 4
    assert difference(reply, make(plus())) < 1.0, "the first of a batch is the single image but for rounding"


def test_guidance_1_runs_the_conditional_side_only(client, make):
    reply = make(plus(), cfg_scale=1.0)
    assert difference(reply, client.once(cfg_scale=1.0)) > LEAST


def test_another_patch_in_the_same_slots(client, make):
    """One found in every slot is called, and changes nothing."""
    reply = client.send(relight={"ip_adapter": [plus()]}, before={"attn2": True, "wrapper": 1.0})
    assert equal(reply, make(plus()))
    assert client.probe("before")["attn2_calls"] == 32, "16 layers, 2 steps"


def test_freeu_like_patch_beside_us(client, make):
    one, other = (client.send(relight={"ip_adapter": [plus()]}, **{place: {"freeu": 1.3}}) for place in ("before", "after"))
    assert equal(one, other)
    assert difference(one, make(plus())) > LEAST


def test_the_second_job_does_nothing_again(client):
    """Nothing encoded, no file read, no keys computed: counted. Another weight computes keys, but looks at nothing."""
    units = [plus(encoded(subject((21, 60, 90)))), base(encoded(subject((22, 90, 60))))]
    before = client.status()["counters"]
    first = client.send(relight={"ip_adapter": units})
    between = client.status()["counters"]
    second = client.send(relight={"ip_adapter": units})
    after = client.status()["counters"]
    assert between["image_prompts"] == before.get("image_prompts", 0) + 2
    assert between["keys"] == before.get("keys", 0) + 2
    assert first.png == second.png and after == between
    client.send(relight={"ip_adapter": [dict(unit, weight=0.3) for unit in units]})
    changed = client.status()["counters"]
    assert changed["image_prompts"] == after["image_prompts"] and changed["keys"] == after["keys"] + 2


def test_the_second_hires_job_does_nothing_again(client, make, upscaler):
    fields = {**HIRES, "hr_upscaler": upscaler}
    make(plus(), **fields)
    counters = client.status()["counters"]
    client.send(relight={"ip_adapter": [plus()]}, **fields)
    assert client.status()["counters"] == counters


def test_plain_after_all_these(client):
    assert client.send().png == client.plain.png
