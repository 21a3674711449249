"""Other extensions in the same job, loaded before and after Relight: what they do and what we do both happen."""

import pytest
from contract import differences
from contract.client import difference
from contract.subjects import fbc, fc
from contract.weight_files import LORA

LEAST = 0.2
FREEU = "freeu integrated"
"""How its title begins."""


@pytest.fixture
def relit(client):
    return client.once(relight=fc(light="left"))


@pytest.mark.parametrize("request_of", [fc, fbc], ids=["fc", "fbc"])
def test_wrappers_that_change_nothing(client, request_of):
    """Found by us or finding ours, called by position, once for each step, and the image stays."""
    alone = client.once(relight=request_of(light="left"))
    reply = client.send(relight=request_of(light="left"), before={"wrapper": 1.0}, after={"wrapper": 1.0})
    assert reply.png == alone.png
    assert [client.probe(place)["calls"] for place in ("before", "after")] == [2, 2]
    assert sorted(client.probe("before")["cond_or_uncond"]) == [0, 1]


@pytest.mark.parametrize("wish, calls", [({"wrapper": 0.9}, ("calls", 2)), ({"freeu": 1.3}, ("freeu_calls", 24))],
                         ids=["wrapper", "output block patch"])
def test_another_patch_acts_the_same_on_either_side_of_us(client, relit, wish, calls):
    before = client.send(relight=fc(light="left"), before=wish)
    assert client.probe("before")[calls[0]] == calls[1]
    after = client.send(relight=fc(light="left"), after=wish)
    assert client.probe("after")[calls[0]] == calls[1]
    assert before.png == after.png
    assert before.proof == relit.proof
    assert difference(before, relit) > LEAST
    assert difference(before, client.once(after=wish)) > LEAST


def test_another_weight_patch(client, relit):
    wish = {"weight": 0.01}
    before, after = client.send(relight=fc(light="left"), before=wish), client.send(relight=fc(light="left"), after=wish)
    assert difference(before, after) < 0.01, "the same but for the order of two additions, which may round differently"
    assert before.proof == relit.proof
    assert difference(before, relit) > LEAST
    assert difference(before, client.once(after=wish)) > LEAST


def test_an_attention_patch_that_changes_nothing(client, relit):
    reply = client.send(relight=fc(light="left"), before={"attn2": True})
    assert reply.png == relit.png
    assert client.probe("before")["attn2_calls"] == 32, "16 layers, 2 steps"


def test_lora(client, relit):
    """One that also changes the convolution which IC-Light widens."""
    if not client.process.has_lora:
        differences.met(client, "no LoRA folder")
        return
    prompt = f"a vase, (red:1.2) <lora:{LORA}:1>"
    alone, both = client.send(prompt=prompt), client.send(prompt=prompt, relight=fc(light="left"))
    assert difference(alone, client.plain) > LEAST, "the host applies the LoRA"
    assert difference(both, alone) > LEAST and difference(both, relit) > LEAST
    assert both.proof == relit.proof
    assert client.send(prompt=prompt, relight=fc(light="left")).png == both.png
    assert client.send(prompt=prompt).png == alone.png
    assert client.send(relight=fc(light="left")).png == relit.png


@pytest.mark.usefixtures("undone")
def test_everything_at_once(client, relit):
    wishes = {"wrapper": 0.95, "freeu": 1.1, "weight": 0.005, "attn2": True}
    prompt = f"a vase, (red:1.2) <lora:{LORA}:0.5>" if client.process.has_lora else "a vase, (red:1.2)"
    reply = client.send(relight=fc(light="left"), before=wishes, after=wishes, prompt=prompt)
    assert reply.proof == relit.proof
    assert difference(reply, relit) > LEAST
    assert client.send(relight=fc(light="left"), before=wishes, after=wishes, prompt=prompt).png == reply.png


def test_the_host_s_own_freeu(client, relit):
    title = next((title for title in client.get("/sdapi/v1/scripts")["txt2img"] if title.startswith(FREEU)), None)
    if title is None:
        pytest.skip("the host has no built-in FreeU; the probe's output block patch stands for it")
    reply = client.send(relight=fc(light="left"), others={title: [True, 1.3, 1.4, 0.9, 0.2]})
    assert reply.proof == relit.proof
    assert difference(reply, relit) > LEAST


def test_controlnet_and_ip_adapter_panels_are_still_there(client):
    names = client.get("/sdapi/v1/scripts")
    assert all("relight" in names[tab] for tab in ("txt2img", "img2img"))
    assert "Error loading script" not in client.startup
    if not client.process.has_controlnet:
        differences.met(client, "no ControlNet")
        return
    assert all(any("controlnet" in name for name in names[tab]) for tab in ("txt2img", "img2img"))
    modules = client.get("/controlnet/module_list")["module_list"]
    assert [name for name in modules if "ipadapter" in name.lower().replace("-", "")], modules
