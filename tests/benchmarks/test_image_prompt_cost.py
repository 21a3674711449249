"""bench --full: image prompts in two ways on one UNet, and its random SD 1.5, both at a small size."""

import json

import pytest
import torch
from sd_relight.benchmarks import full_size, image_prompt_cost, verify
from sd_relight.benchmarks.prompt_ways import CONFIGS, KINDS, PLAIN, ours, theirs
from sd_relight.training.models import Sizes
from transformers import CLIPTokenizer

pytestmark = pytest.mark.same_everywhere
NARROW = {**CONFIGS["sd15"], "block_out_channels": (16, 32, 64, 64), "norm_num_groups": 4, "attention_head_dim": 4,
          "cross_attention_dim": 64}


def test_both_ways_give_the_same_and_every_figure_is_a_number():
    found = image_prompt_cost.cost("sd15", 8, 2, 1, "cpu", 2, NARROW)
    names = [PLAIN, *(name for kind in KINDS for name in (ours(kind), theirs(kind)))]
    alone = found["seconds of the cross-attention layers alone"]
    assert list(found["seconds"]) == list(alone) == names and {len(rounds) for rounds in alone.values()} == {2}
    assert 0 < sum(alone[PLAIN]) / 2 < found["seconds"][PLAIN][0], "the layers are a part of the call"
    for kind in KINDS:
        assert found["largest distance to diffusers"][kind] < 1e-5 < found["largest distance to plain"][kind]
        assert 0 < found["resident bytes"][ours(kind)] < found["resident bytes"][theirs(kind)]
    assert json.loads(json.dumps(found)) == found
    text = image_prompt_cost.table(found)
    assert "8x8 latents" in text and "four plus units, cross-attention layers alone (2 rounds)" in text


def test_full_size_is_that_of_sd15(repo_root):
    """The published counts of weights; the text encoder lacks the words that the demo's vocabulary lacks."""
    tokenizer = CLIPTokenizer.from_pretrained(repo_root / "models/demo/tokenizer")
    counts = {}
    with torch.device("meta"):
        for name, build in full_size.builders(full_size.Shape(), tokenizer).items():
            counts[name] = sum(weight.numel() for weight in build().parameters())
    words = (49408 - len(tokenizer)) * 768
    assert counts == {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480 - words, "image_encoder": 632_076_800}


def test_the_random_networks_are_made_once_and_load(session, tmp_path):
    from sd_relight.embedded_host.checkpoints.models import load_model

    narrow = full_size.Shape(Sizes(unet=(16, 32, 64, 64), vae=(8, 16, 32, 32), cross=32), text_layers=1, text_heads=4, vision=32,
                             vision_layers=2, vision_heads=2, projection=32)
    folder = full_size.folder("cpu", narrow, tmp_path)
    written = (folder / "model_index.json").stat().st_mtime_ns
    assert full_size.folder("cpu", narrow, tmp_path) == folder and (folder / "model_index.json").stat().st_mtime_ns == written
    unet = load_model(folder).forge_objects_original.unet.model.diffusion_model.network
    assert unet.config.sample_size * 8 == verify.native_side(folder) == 512
    recognised = {row["file"]: row["what"] for row in verify.recognised(folder)}
    assert {"iclight_fc.safetensors", "iclight_fbc.safetensors", "ip-adapter.safetensors"} <= recognised.keys()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
