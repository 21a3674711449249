"""Emphasis in prompts: (more), ((more)), (exactly:1.3), [less], BREAK, and \\( for a bracket itself."""

from __future__ import annotations

import re

Piece = list
"""[text, weight]; ["BREAK", -1] starts a new chunk of 75 tokens."""

TOKEN = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
BREAK = re.compile(r"\s*\bBREAK\b\s*", re.S)
STEP = 1.1
"""What a pair of brackets multiplies or divides by."""


def parse_prompt_attention(text: str) -> list[Piece]:
    """Split a prompt into pieces of equal weight, by A1111's rules for brackets. An empty prompt is one empty piece."""
    pieces: list[Piece] = []
    open_brackets: dict[str, list[int]] = {"(": [], "[": []}

    def scale(start: int, factor: float) -> None:
        for piece in pieces[start:]:
            piece[1] *= factor

    for match in TOKEN.finditer(text):
        token, number = match.group(0), match.group(1)
        rounds, squares = open_brackets["("], open_brackets["["]
        if token.startswith("\\"):
            pieces.append([token[1:], 1.0])
        elif token in open_brackets:
            open_brackets[token].append(len(pieces))
        elif rounds and (number is not None or token == ")"):
            scale(rounds.pop(), STEP if number is None else float(number))
        elif squares and token == "]":
            scale(squares.pop(), 1 / STEP)
        else:
            pieces += _split_at_break(token)
    for starts, factor in zip(open_brackets.values(), (STEP, 1 / STEP)):
        for start in starts:
            scale(start, factor)
    return _merged(pieces) or [["", 1.0]]


def _split_at_break(text: str) -> list[Piece]:
    first, *rest = BREAK.split(text)
    return [[first, 1.0]] + [piece for part in rest for piece in (["BREAK", -1], [part, 1.0])]


def _merged(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours of equal weight."""
    merged: list[Piece] = []
    for text, weight in pieces:
        if merged and merged[-1][1] == weight and weight != -1:
            merged[-1][0] += text
        else:
            merged.append([text, weight])
    return merged
