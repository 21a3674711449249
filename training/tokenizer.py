"""Builds a small CLIP vocabulary: every word of the prompts is one token, other text falls back to letters."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from transformers import CLIPTokenizer

from .scenes import COLOUR_NAMES, LIGHT_NAMES, SHAPES

# The second line is for demonstrations; these words are not in the training prompts.
WORDS = sorted({"a", "clay", "light", "from", "the", "room", "dark", "bright", "left", "right", "top", "bottom", ",",
                "photo", "of", "best", "quality", "lowres", "bad", "background", "in", "and", "with",
                *COLOUR_NAMES, *LIGHT_NAMES, *SHAPES})
START, END = "<|startoftext|>", "<|endoftext|>"


def byte_alphabet() -> list[str]:
    """Return the printable characters of the 256 bytes, in CLIP's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in printable]
    return [chr(c) for c in printable] + [chr(256 + i) for i in range(len(hidden))]


def merge_pair(word: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return out


def learn_merges() -> list[tuple[str, str]]:
    """Return byte-pair merges, most frequent first (ties alphabetically), until every word is one token."""
    words = [[*w[:-1], w[-1] + "</w>"] for w in WORDS]
    merges: list[tuple[str, str]] = []
    while any(len(w) > 1 for w in words):
        pairs = Counter(pair for w in words for pair in zip(w, w[1:], strict=False))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [merge_pair(w, best) for w in words]
    return merges


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """Write vocab.json, merges.txt and the two configs; returns the tokenizer loaded from them."""
    folder.mkdir(parents=True, exist_ok=True)
    merges, letters = learn_merges(), byte_alphabet()
    tokens = [*letters, *(c + "</w>" for c in letters), *("".join(m) for m in merges), START, END]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special, indent=1))
    config = {**special, "model_max_length": 77, "do_lower_case": True, "add_prefix_space": False,
              "errors": "replace", "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1))
    return CLIPTokenizer.from_pretrained(folder)


def token_ids(tokenizer: CLIPTokenizer, prompts: list[str]):
    """Return token ids, int64 [B, 77]."""
    return tokenizer(prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
