"""Emphasis in prompts: (more), ((more)), (exactly:1.3), [less], BREAK, and \\( for a bracket itself."""

import re

TOKEN = re.compile(r"\\[()\[\]\\]|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|\]|[^\\()\[\]:]+|:")
BREAK = re.compile(r"\s*\bBREAK\b\s*", re.S)


def parse_prompt_attention(text):
    """[[text, weight], …] as A1111 reads it; ["BREAK", -1] starts a new chunk of 75 tokens."""
    pieces, round_open, square_open = [], [], []

    def scale(start, factor):
        for piece in pieces[start:]:
            piece[1] *= factor

    for match in TOKEN.finditer(text):
        token, weight = match.group(0), match.group(1)
        if token.startswith("\\"):
            pieces.append([token[1:], 1.0])
        elif token == "(":
            round_open.append(len(pieces))
        elif token == "[":
            square_open.append(len(pieces))
        elif weight is not None and round_open:
            scale(round_open.pop(), float(weight))
        elif token == ")" and round_open:
            scale(round_open.pop(), 1.1)
        elif token == "]" and square_open:
            scale(square_open.pop(), 1 / 1.1)
        else:
            pieces += _split_at_break(token)
    for start in round_open:
        scale(start, 1.1)
    for start in square_open:
        scale(start, 1 / 1.1)
    return _merged(pieces) or [["", 1.0]]


def _split_at_break(text):
    first, *rest = re.split(BREAK, text)
    return [[first, 1.0]] + [piece for part in rest for piece in (["BREAK", -1], [part, 1.0])]


def _merged(pieces):
    merged = []
    for text, weight in pieces:
        if merged and merged[-1][1] == weight and weight != -1:
            merged[-1][0] += text
        else:
            merged.append([text, weight])
    return merged
