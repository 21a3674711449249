"""`dev.py bench`: what relighting costs beside a plain job, as ratios measured in the same run.

In every round each kind of job runs twice in a row, first cold, from empty caches and unmerged weights, then warm; the kinds take
turns, and each round begins with another one. Ratios are medians over the rounds, with quartiles. --full adds image prompts on
random UNets of full size, and the same kinds of job on a random SD 1.5 of full size.
"""

from __future__ import annotations

from typing import Any

import torch

from ..embedded_host.cli.session import Session, describe_models
from . import full_size, image_prompt_cost, machine, options, plot, webui_cost
from .job_rows import base_case
from .output import write
from .rounds import Rounds, table

DEFAULT_SIDE = 512
"""Of the image prompts at full size, in pixels."""


def suite(models: Any, args: Any, seed: int) -> tuple[Rounds, dict[str, Any]]:
    """Measure every kind of job on a model folder; return the rounds and what the JSON says of them."""
    session = Session(models, args.device)
    if session.device == "cpu":
        torch.set_num_threads(1)  # a second thread that waits counts as processor time
    case = base_case(session.models, args.steps, args.size, seed)
    rounds, facts = Rounds(session, case), machine.describe(session.device)
    rounds.run(args.rounds)
    return rounds, {"models": describe_models(session.models), "machine": facts, "load average at the end": machine.load(),
                    "rounds": args.rounds, "steps": case.steps, "size": list(case.size), "seed": seed, "notes": rounds.notes,
                    "costs": rounds.as_json()}


def text_of(rounds: Rounds, found: dict[str, Any]) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in found["machine"].items())
    about = (f"models: {found['models']}\n{facts}, load average {found['load average at the end']} at the end; {found['rounds']} "
             f"rounds, {found['steps']} steps, {' x '.join(map(str, found['size']))} px, seed {found['seed']}")
    return "\n\n".join([about, *found["notes"], table(rounds)])


def at_full_size(args: Any, seed: int, device: str) -> tuple[list[str], dict[str, Any]]:
    """Measure random networks of full size; return Markdown and figures."""
    latent = (args.size or DEFAULT_SIDE) // 8
    prompts = {base: image_prompt_cost.cost(base, latent, 2, args.rounds, device) for base in image_prompt_cost.CONFIGS}
    rounds, found = suite(full_size.folder(device), args, seed)
    return [*map(image_prompt_cost.table, prompts.values()), text_of(rounds, found)], {"image prompts": prompts, "jobs": found}


def run(args: Any) -> int:
    options.check_bench(args)
    if args.webui:
        return webui_cost.run(args)
    seed = options.seed_of(args.seed)
    rounds, found = suite(args.models, args, seed)
    parts = [text_of(rounds, found)]
    if args.plot:
        plot.bars({f"{field.replace('_', ' ')}, seconds": {name: rounds.middle(name, field) for name in rounds.costs}
                   for field in ("before_first_step", "per_step")}, args.plot)
    if args.full:
        device = rounds.device
        del rounds  # with the networks that it holds
        more, found["full size"] = at_full_size(args, seed, device)
        parts += more
    write(args, "\n\n".join(parts) + "\n", found)
    return 0
