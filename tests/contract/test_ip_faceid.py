"""Faces by embedding, and the LoRA inside a FaceID file, on any host: merged as strong as asked, and out again afterwards."""

import numpy as np
import pytest
from contract import differences
from contract.adapter_files import FACE, FACE_LORA, FACE_PLUS, FULL, PORTRAIT, lay_adapters
from contract.client import difference
from contract.subjects import BACKGROUND, SCENE, fc

LEAST = 0.02
ONE, OTHER = ((np.random.default_rng(seed).standard_normal(512) * 0.8).tolist() for seed in (1, 2))


def face(model=FACE_LORA, embedding=ONE, **fields):
    return {"model": model, "embedding": embedding, **fields}


@pytest.fixture(scope="module", autouse=True)
def adapters(client):
    lay_adapters(client)


@pytest.fixture
def make(client):
    return lambda *units, light=None, **fields: client.once(relight={**(light or {}), "ip_adapter": list(units)}, **fields)


def equal(one, other):
    return (one.pixels() == other.pixels()).all()


def expected_proof(model, lora=True):
    return f"IP-Adapter {model}, patched 16/16{', LoRA 128/128' if lora else ''}"


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("unit, lora", [
    (face(FACE), False), (face(), True), (face(FACE_PLUS, image=SCENE), True), (face(FACE_PLUS, image=SCENE, family="faceid-plusv2"), True),
    (face(PORTRAIT, [ONE, OTHER]), False), ({"model": FULL, "image": SCENE, "crop": "center"}, False)],
    ids=["FaceID", "with LoRA", "Plus", "PlusV2", "Portrait of two", "full face"])
def test_every_family(client, make, unit, lora):
    reply = make(unit)
    assert reply.proof == expected_proof(unit["model"], lora)
    assert difference(reply, client.plain) > LEAST
    if "embedding" in unit:
        assert difference(reply, make({**unit, "embedding": OTHER})) > LEAST, "another face, another image"
    assert equal(make({**unit, "weight": 0}), client.plain)


def test_plus_and_plusv2_differ(make):
    assert difference(make(face(FACE_PLUS, image=SCENE)), make(face(FACE_PLUS, image=SCENE, family="faceid-plusv2"))) > LEAST
    assert difference(make(face(FACE_PLUS, image=SCENE)), make(face(FACE_PLUS, image=BACKGROUND))) > LEAST


@pytest.mark.usefixtures("undone")
def test_lora_as_strong_as_asked(make):
    """Strength 0 is the file without one; more is more; the same again is the same."""
    none, half, whole = (make(face(faceid_lora=strength)) for strength in (0, 0.5, 1))
    assert none.proof == expected_proof(FACE_LORA, lora=False)
    assert equal(none, make(face(FACE)))
    assert min(difference(none, half), difference(half, whole)) > LEAST
    assert difference(none, whole) > difference(none, half)


@pytest.mark.usefixtures("undone")
def test_lora_comes_and_goes(client, make):
    """On, plain, on with another strength, with light, on again: each what it was."""
    light = fc(light="left")
    first, lit = client.send(relight={"ip_adapter": [face()]}), client.once(relight=light)
    assert client.send().png == client.plain.png
    make(face(faceid_lora=0.5))
    both = make(face(), light=light)
    assert both.proof == f"{lit.proof}; {expected_proof(FACE_LORA)}"
    assert difference(both, lit) > LEAST
    assert client.send(relight=light).png == lit.png
    assert client.send(relight={"ip_adapter": [face()]}).png == first.png


def test_the_same_again_merges_nothing(client):
    job = {"relight": {"ip_adapter": [face()]}}
    first, merged = client.send(**job), client.status()["merged_weights"]
    assert client.send(**job).png == first.png
    assert client.status()["merged_weights"] == merged
    if merged == "none between jobs":
        differences.met(client, "no merged set")
        return
    client.send()
    assert client.status()["merged_weights"] != merged, "a plain job takes the LoRA out"


def test_two_faces_with_their_loras(client, make):
    one, two = face(), face(FACE_PLUS, OTHER, image=SCENE, weight=0.5)
    both = make(one, two)
    assert both.proof == f"IP-Adapter {FACE_LORA} + {FACE_PLUS}, patched 16/16, LoRA 256/256"
    assert difference(both, make(one)) > LEAST
    assert np.abs(both.pixels() - make(two, one).pixels()).max() <= 1


def test_plain_after_all_these(client):
    assert client.send().png == client.plain.png
