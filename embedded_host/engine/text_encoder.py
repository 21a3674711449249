"""Prompts to CLIP text conditions: chunks of 75 tokens, with emphasis as A1111 applies it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .prompt_weights import parse_prompt_attention

CHUNK = 75
COMMA_BACKTRACK = 20
"""A phrase that a chunk's end cuts moves to the next chunk when its comma is among the last 20 tokens."""

Token = tuple[int, float]
Chunk = tuple[list[int], list[float]]
"""77 token ids and the weight of each, with start, end and padding."""


class TextEncoder:
    """transformer: CLIPTextModel; tokenizer: CLIPTokenizer."""

    def __init__(self, transformer: Any, tokenizer: Any):
        self.transformer, self.tokenizer = transformer, tokenizer
        self.start, self.end = tokenizer.bos_token_id, tokenizer.eos_token_id
        self.padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end
        self.comma = tokenizer.get_vocab().get(",</w>")

    def tokenize_line(self, line: str, weighted: bool = True) -> tuple[list[Chunk], int]:
        """Return the chunks of a prompt and its number of tokens. weighted: read brackets as emphasis."""
        pieces = parse_prompt_attention(line) if weighted else [[line, 1.0]]
        ids = self.tokenizer([text for text, _ in pieces], truncation=False, add_special_tokens=False)["input_ids"]
        chunks: list[list[Token]] = [[]]
        for tokens, (text, weight) in zip(ids, pieces):
            if (text, weight) == ("BREAK", -1):
                chunks.append([])
                continue
            for token in tokens:
                if len(chunks[-1]) == CHUNK:
                    chunks.append([] if token == self.comma else self._cut_phrase(chunks[-1]))
                chunks[-1].append((token, weight))
        return [self._framed(chunk) for chunk in chunks], CHUNK * (len(chunks) - 1) + len(chunks[-1])

    def _cut_phrase(self, chunk: list[Token]) -> list[Token]:
        """Remove the unfinished phrase from a full chunk's end and return it."""
        commas = [index for index, (token, _) in enumerate(chunk) if token == self.comma]
        if not commas or len(chunk) - commas[-1] > COMMA_BACKTRACK:
            return []
        start = commas[-1] + 1
        phrase = chunk[start:]
        del chunk[start:]
        return phrase

    def _framed(self, chunk: Sequence[Token]) -> Chunk:
        ids = [self.start, *(token for token, _ in chunk), self.end]
        weights = [1.0, *(weight for _, weight in chunk), 1.0]
        missing = CHUNK + 2 - len(ids)
        return ids + [self.padding] * missing, weights + [1.0] * missing

    def encode(self, prompts: Sequence[str], clip_skip: int = 1, emphasis: str = "Original") -> Tensor:
        """Encode prompts to float32 [B, 77 · chunks, D]; shorter ones are filled up with empty chunks.

        clip_skip: which hidden state counts, 1 the last one. emphasis: "Original" keeps the mean of the unweighted
        condition, "No norm" does not; "Ignore" reads brackets without weighting; "None" takes them for text.
        """
        lines = [self.tokenize_line(prompt, emphasis != "None")[0] for prompt in prompts]
        count = max(len(chunks) for chunks in lines)
        empty = self._framed([])
        columns = zip(*([*chunks, *[empty] * (count - len(chunks))] for chunks in lines))
        return torch.hstack([self._encode(column, clip_skip, emphasis) for column in columns]).float()

    def _encode(self, chunks: Sequence[Chunk], clip_skip: int, emphasis: str) -> Tensor:
        model = self.transformer
        ids = torch.tensor([tokens for tokens, _ in chunks], device=model.device)
        states = model(ids, output_hidden_states=True).hidden_states
        z = getattr(model, "text_model", model).final_layer_norm(states[-max(clip_skip, 1)])
        weights = torch.tensor([row for _, row in chunks])
        if emphasis == "Ignore":
            return z
        weighted = z * weights.to(z)[..., None]
        if emphasis == "No norm" or bool((weights == 1.0).all()):
            return weighted
        return weighted * (z.mean() / weighted.mean())
