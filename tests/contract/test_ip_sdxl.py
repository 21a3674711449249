"""Image prompts on SDXL: all 70 layers of a real host with an SDXL checkpoint, and back to what was there before."""

from pathlib import Path

import numpy as np
import pytest
from contract.adapter_files import SDXL_BASE, SDXL_FACE, SDXL_PLUS, lay_sdxl_adapters
from contract.client import difference
from contract.subjects import BACKGROUND, DISC, SCENE, fc
from sd_relight.lib_relight.models.checkpoint import inspect

pytestmark = pytest.mark.real_host
LEAST = 0.02
FACE = (np.random.default_rng(1).standard_normal(512) * 0.8).tolist()


@pytest.fixture(scope="module")
def make(client):
    """make(unit, ...) -> Reply of a job on the host's SDXL checkpoint; afterwards the SD 1.5 one makes what it made before."""
    found = [model["title"] for model in client.get("/sdapi/v1/sd-models") if inspect(Path(model["filename"])).family == "sdxl"]
    if not found:
        pytest.skip(f"{client.name} has no SDXL checkpoint; RELIGHT_WEBUI_ARGS can give --ckpt-dir, and flags for fp16 to save memory")
    lay_sdxl_adapters(client)
    used = client.get("/sdapi/v1/options")["sd_model_checkpoint"]

    def make(*units, checkpoint=found[0], relight=None, **fields):
        fields["override_settings"] = {"sd_model_checkpoint": checkpoint}
        fields["override_settings_restore_afterwards"] = False
        return client.once(relight=relight or {"ip_adapter": list(units)} if units or relight else None, **fields)

    yield make
    assert (make(checkpoint=used).pixels() == client.plain.pixels()).all()


def unit(model=SDXL_PLUS, image=SCENE, **fields):
    return {"model": model, "image": image, **fields}


def expected_proof(*names, patched=70, lora=""):
    return f"IP-Adapter {' + '.join(names)}, patched {patched}/70{lora}"


def equal(one, other):
    return (one.pixels() == other.pixels()).all()


@pytest.mark.parametrize("one, lora", [
    (unit(SDXL_BASE), ""), (unit(), ""), ({"model": SDXL_FACE, "embedding": FACE}, ", LoRA 560/560")], ids=["base", "plus", "FaceID"])
def test_one_unit(make, one, lora):
    reply = make(one)
    assert reply.proof == expected_proof(one["model"], lora=lora)
    assert difference(reply, make()) > LEAST
    zero = make({**one, "weight": 0})
    assert zero.proof == expected_proof(one["model"], patched=0)
    assert equal(zero, make())


def test_the_lora_inside_is_as_strong_as_asked(make):
    without, whole = (make({"model": SDXL_FACE, "embedding": FACE, "faceid_lora": strength}) for strength in (0, 1))
    assert without.proof == expected_proof(SDXL_FACE)
    assert difference(without, whole) > LEAST


def test_two_units_in_either_order(make):
    first, second = unit(), unit(SDXL_BASE, BACKGROUND, weight=0.5)
    both = make(first, second)
    assert both.proof == expected_proof(SDXL_PLUS, SDXL_BASE)
    assert equal(both, make(second, first))
    assert difference(both, make(first)) > LEAST


def test_four_units(make):
    four = [unit(weight=0.7), unit(SDXL_BASE, BACKGROUND, weight=0.5), unit(image=BACKGROUND, weight=0.6), unit(SDXL_BASE, weight=0.4)]
    reply = make(*four)
    assert reply.proof == expected_proof(*[one["model"] for one in four])
    assert equal(reply, make(*reversed(four)))
    assert difference(reply, make(*four[:3])) > LEAST


@pytest.mark.parametrize("weight_type, layers", [("style transfer", 10), ("composition", 10), ("style and composition", 20)])
def test_weight_types_touch_their_layers(make, weight_type, layers):
    reply = make(unit(weight_type=weight_type))
    assert reply.proof == expected_proof(SDXL_PLUS, patched=layers)
    assert difference(reply, make()) > LEAST and difference(reply, make(unit())) > LEAST


def test_mask(make):
    masked = make(unit(mask=DISC))
    assert difference(masked, make()) > LEAST and difference(masked, make(unit())) > LEAST


def test_iclight_says_that_it_is_for_sd15(make):
    reply = make(relight=fc(light="left"))
    assert reply.status == 422 and "SD 1.5" in reply.text
