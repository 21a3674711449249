"""Rounds in which everything takes turns; medians with their quartiles, and ratios of figures of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence


def turns(names: Iterable[str], rounds: int) -> Iterator[str]:
    """Yield all names in every round; each round begins with another one."""
    names = list(names)
    for number in range(rounds):
        shift = number % len(names)
        yield from names[shift:] + names[:shift]


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile; three times the same for a single value."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return low, middle, high


def with_spread(values: Sequence[float], digits: int = 3) -> str:
    """Return "median (lower quartile to upper quartile)", of a single value only that."""
    low, middle, high = (f"{value:.{digits}f}" for value in quartiles(values))
    return middle if len(values) == 1 else f"{middle} ({low} to {high})"


def ratios(values: Sequence[float], base: Sequence[float]) -> list[float]:
    """Return the ratios round by round; not a number where the base is 0."""
    return [a / b if b else float("nan") for a, b in zip(values, base, strict=True)]


def ratio_to(values: Sequence[float], base: Sequence[float]) -> str:
    """Return median and quartiles of the ratios, round by round."""
    return with_spread(ratios(values, base))
