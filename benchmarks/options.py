"""Options of bench, verify and evaluate: each one works, or is rejected with one sentence before anything is measured."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path
from typing import Any

from ..lib_relight.base.errors import RelightError

LARGEST_STEPS = 150
SIDES = range(64, 2049, 64)
HERE_ONLY = {"models": (None, "the WebUI measures its own model files"), "device": ("auto", "the WebUI's own device counts"),
             "full": (False, "the full-size networks are made for this machine, not for a WebUI")}
"""Options that mean nothing with --webui: the value that was not given, and why."""


def seed_of(seed: int) -> int:
    """Return the seed of a run: -1 takes one at random."""
    return random.randrange(2**32) if seed < 0 else seed


def check_steps(steps: int | None, least: int = 1, why: str = "") -> None:
    if steps is not None and not least <= steps <= LARGEST_STEPS:
        raise RelightError(f"--steps is {steps}; it must be from {least} to {LARGEST_STEPS}{why}.")


def check_bench(args: Any) -> None:
    """Raise RelightError for a value that cannot be measured with, or an option that has no meaning beside another."""
    if args.size is not None and args.size not in SIDES:
        raise RelightError(f"--size is {args.size}; choose a multiple of 64 from {SIDES[0]} to {SIDES[-1]}.")
    if args.plot:
        check_plot(args.plot)
    if not args.webui:
        check_steps(args.steps)
        if args.pid:
            raise RelightError(f"--pid is {args.pid}, the process of a WebUI; give that WebUI's address with --webui, or leave "
                               "--pid out.")
        return
    check_steps(args.steps, 2, ", because a job of one step is taken from it")
    for name, (left_out, why) in HERE_ONLY.items():
        value = getattr(args, name)
        if value != left_out:
            given = "was given" if value is True else f"is {value}"
            raise RelightError(f"--{name} {given}, but with --webui it has no effect: {why}; leave it out.")


def check_plot(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise RelightError(f"--plot is {path}; give a name that ends in .png.")
    if importlib.util.find_spec("matplotlib") is None:
        raise RelightError("--plot needs matplotlib; install it in the environment, or leave the option out.")


def check_evaluate(args: Any) -> None:
    check_steps(args.steps)
    if args.examples and args.objects is not None:
        raise RelightError(f"--objects is {args.objects}, but with --examples no object is rendered; leave one of the two out.")
