"""Networks named in prompts, `<name:argument:key=value>`. Needed by: modules/processing*, modules/extra_networks_lora.py."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from modules import errors

SYNTAX = re.compile(r"<(\w+):([^>]+)>")


class ExtraNetworkParams:
    """The arguments of one mention, by position and by name."""

    def __init__(self, items: Sequence[str]):
        self.positional = [item for item in items if "=" not in item]
        self.named = dict(item.split("=", 1) for item in items if "=" in item)


class ExtraNetwork(Protocol):
    """A kind of network. activate runs in every batch, also without a mention: then it undoes its effect."""

    name: str

    def activate(self, p: Any, params_list: list[ExtraNetworkParams]) -> None: ...


Mentions = Mapping[str, list[ExtraNetworkParams]]
registered: dict[str, ExtraNetwork] = {}


def register_extra_network(network: ExtraNetwork) -> None:
    registered[network.name] = network


def parse_prompt(prompt: str) -> tuple[str, Mentions]:
    """Return the prompt without its <…> and what they name."""
    found: dict[str, list[ExtraNetworkParams]] = {}
    for name, arguments in SYNTAX.findall(prompt):
        found.setdefault(name, []).append(ExtraNetworkParams(arguments.split(":")))
    return SYNTAX.sub("", prompt), found


def parse_prompts(prompts: Sequence[str]) -> tuple[list[str], Mentions | None]:
    """Return the cleaned prompts and the networks of the first one, which count for the whole batch."""
    parsed = [parse_prompt(prompt) for prompt in prompts]
    return [prompt for prompt, _ in parsed], parsed[0][1] if parsed else None


def activate(p: Any, extra_network_data: Mentions | None) -> None:
    """Activate the networks of a prompt, then call the scripts' hook. An error of a network is printed, not raised."""
    mentions = extra_network_data or {}
    for name, network in registered.items():
        try:
            network.activate(p, mentions.get(name, []))
        except Exception:
            errors.report(f"The network {name} could not be activated", exc_info=True)
    if p.scripts is not None:
        p.scripts.after_extra_networks_activate(p, batch_number=p.iteration, prompts=p.prompts, seeds=p.seeds,
                                                subseeds=p.subseeds, extra_network_data=extra_network_data)
