"""CLIP's tokenizer: from beside the checkpoint, else from the vocabulary inside the package open_clip."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tempfile
from pathlib import Path

from ..errors import HostError

VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
TOKENS = 49408
START, END = "<|startoftext|>", "<|endoftext|>"


def vocabulary_file() -> Path | None:
    """open_clip's copy of CLIP's merges; the package is not imported. None where it is not installed."""
    spec = importlib.util.find_spec("open_clip")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return next((Path(folder) / VOCABULARY for folder in folders if (Path(folder) / VOCABULARY).is_file()), None)


def byte_letters() -> list[str]:
    """The printable stand-ins of the 256 bytes, in CLIP's order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = (number for number in range(256) if number not in printable)
    return [chr(number) for number in printable] + [chr(256 + place) for place, _ in enumerate(hidden)]


def read_merges(path: Path) -> list[str]:
    """The merges that CLIP uses, "a b" each: those that fit beside 512 letters and two markers."""
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    return lines[1:1 + TOKENS - 512 - 2]


def write_tokenizer(folder: Path, merges: list[str]) -> None:
    """vocab.json and merges.txt as transformers reads them."""
    letters = byte_letters()
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(merge.split()) for merge in merges), START, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), "utf-8")


def clip_tokenizer():
    """transformers' CLIPTokenizer with CLIP's own 49408 tokens, or None without open_clip."""
    from transformers import CLIPTokenizer

    path = vocabulary_file()
    if path is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), read_merges(path))
        return CLIPTokenizer(str(Path(folder) / "vocab.json"), str(Path(folder) / "merges.txt"), model_max_length=77,
                             pad_token=END)


def load_tokenizer(folder: Path):
    """CLIP's tokenizer from tokenizer/ beside the checkpoint, else CLIP's own vocabulary; never from the network."""
    from transformers import CLIPTokenizer

    local = folder / "tokenizer"
    try:
        if not local.is_dir() and (tokenizer := clip_tokenizer()):
            return tokenizer
        tokenizer = CLIPTokenizer.from_pretrained(local if local.is_dir() else "openai/clip-vit-large-patch14",  # nosec B615
                                                  local_files_only=True)
        if len(tokenizer) < 256:  # transformers 5 returns one without a vocabulary
            raise FileNotFoundError("vocab.json")
        return tokenizer
    except Exception as error:  # what a missing file raises depends on the version of transformers
        raise HostError(
            f"{folder}: no tokenizer. Put vocab.json and merges.txt of openai/clip-vit-large-patch14 into "
            f"{local}.") from error
