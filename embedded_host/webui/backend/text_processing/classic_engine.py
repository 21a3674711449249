"""CLIP text conditions in chunks of 75 tokens with emphasis, as A1111 makes them."""

import torch

from backend.text_processing.parsing import parse_prompt_attention
from modules import devices
from modules.shared import opts

CHUNK = 75
COMMA_BACKTRACK = 20


class ClassicTextProcessingEngine:
    def __init__(self, text_encoder, tokenizer):
        """text_encoder: module with .transformer (CLIPTextModel)."""
        self.text_encoder, self.tokenizer = text_encoder, tokenizer
        self.clip_skip = 1
        self.id_start, self.id_end = tokenizer.bos_token_id, tokenizer.eos_token_id
        self.id_pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.id_end
        self.comma = tokenizer.get_vocab().get(",</w>")

    def tokenize_line(self, line):
        """([(token ids [77], multipliers [77]), …], number of tokens)."""
        pieces = parse_prompt_attention(line) if opts.emphasis != "None" else [[line, 1.0]]
        ids = self.tokenizer([text for text, _ in pieces], truncation=False, add_special_tokens=False)["input_ids"]
        chunks = [[]]
        for tokens, (text, weight) in zip(ids, pieces):
            if text == "BREAK" and weight == -1:
                chunks.append([])
                continue
            for token in tokens:
                self._append(chunks, token, weight)
        return [self._framed(chunk) for chunk in chunks], CHUNK * (len(chunks) - 1) + len(chunks[-1])

    def _append(self, chunks, token, weight):
        if len(chunks[-1]) == CHUNK:
            chunks.append(self._after_last_comma(chunks[-1]) if token != self.comma else [])
        chunks[-1].append((token, weight))

    def _after_last_comma(self, chunk):
        """Move the unfinished phrase at a full chunk's end into the next one."""
        commas = [index for index, (token, _) in enumerate(chunk) if token == self.comma]
        if not commas or len(chunk) - commas[-1] > COMMA_BACKTRACK:
            return []
        moved = chunk[commas[-1] + 1:]
        del chunk[commas[-1] + 1:]
        return moved

    def _framed(self, chunk):
        tokens = [self.id_start, *(token for token, _ in chunk), self.id_end]
        weights = [1.0, *(weight for _, weight in chunk), 1.0]
        padding = CHUNK + 2 - len(tokens)
        return tokens + [self.id_pad] * padding, weights + [1.0] * padding

    def __call__(self, texts):
        """float32 [B, 77·chunks, D]."""
        lines = [self.tokenize_line(text)[0] for text in texts]
        count = max(len(chunks) for chunks in lines)
        empty = self._framed([])
        parts = []
        for index in range(count):
            rows = [chunks[index] if index < len(chunks) else empty for chunks in lines]
            parts.append(self._encode([row[0] for row in rows], [row[1] for row in rows]))
        return torch.hstack(parts)

    def _encode(self, tokens, weights):
        model = self.text_encoder.transformer
        output = model(torch.tensor(tokens, device=devices.device), output_hidden_states=True)
        z = model.text_model.final_layer_norm(output.hidden_states[-max(self.clip_skip, 1)])
        if opts.emphasis == "Ignore":
            return z
        weighted = z * torch.tensor(weights).to(z)[..., None]
        if opts.emphasis == "No norm" or all(weight == 1.0 for row in weights for weight in row):
            return weighted
        return weighted * (z.mean() / weighted.mean())
