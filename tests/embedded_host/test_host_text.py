"""Prompts: conditions, chunks, networks in them."""

import pytest
import torch


def test_conditions_are_transformers_own(host):
    objects = host.model.forge_objects_original
    tokens = objects.clip.tokenizer.clip_l("a red ball", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = objects.clip.cond_stage_model.transformer(tokens).last_hidden_state
    torch.testing.assert_close(host.model.get_learned_conditioning(["a red ball"]), expected, atol=1e-6, rtol=0)


def test_weights_keep_the_mean(host):
    plain = host.model.get_learned_conditioning(["a red ball"])
    weighted = host.model.get_learned_conditioning(["a (red:1.5) ball"])
    ratio = (weighted / plain)[0].median(dim=-1).values
    assert (ratio[2] / ratio[0]).item() == pytest.approx(1.5, rel=1e-4)
    assert weighted.mean().item() == pytest.approx(plain.mean().item(), abs=1e-6)


def test_long_prompts_make_chunks_of_75(host):
    engine = host.model.text_processing_engine
    phrase = ["ball"] * 70 + [","] + ["red"] * 10
    chunks, count = engine.tokenize_line(" ".join(phrase))
    lengths = [len(tokens) for tokens, _ in chunks]
    assert lengths == [77] * len(chunks) and len(chunks) == -(-count // 75)
    assert host.model.get_learned_conditioning([" ".join(phrase), "short"]).shape == (2, 77 * len(chunks), 64)
    comma = engine.comma
    if comma is not None:
        assert comma in chunks[0][0], "an unfinished phrase moves to the next chunk"


def test_conditions_of_different_length_meet(latents):
    assert torch.isfinite(latents(prompt="red ball " * 60)).all()


def test_networks_in_prompts(host):
    from modules import extra_networks

    prompt, found = extra_networks.parse_prompt("a <lora:x:0.5> b <other:1:k=v>")
    assert prompt == "a  b " and found["lora"][0].positional == ["x", "0.5"] and found["other"][0].named == {"k": "v"}
