"""`<name:arg:arg>` in prompts."""

import re
from collections import defaultdict

from modules import errors

extra_network_registry = {}
extra_network_aliases = {}
SYNTAX = re.compile(r"<(\w+):([^>]+)>")


class ExtraNetworkParams:
    def __init__(self, items=None):
        self.items = items or []
        pairs = [item.split("=", 1) for item in self.items]
        self.positional = [pair[0] for pair in pairs if len(pair) == 1]
        self.named = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}

    def __eq__(self, other):
        return self.items == other.items


class ExtraNetwork:
    """activate() is called in every batch, also with an empty list: then its effect is to be off."""

    def __init__(self, name):
        self.name = name

    def activate(self, p, params_list):
        raise NotImplementedError

    def deactivate(self, p):
        raise NotImplementedError


def register_extra_network(extra_network):
    extra_network_registry[extra_network.name] = extra_network


def register_extra_network_alias(extra_network, alias):
    extra_network_aliases[alias] = extra_network


def parse_prompt(prompt):
    """(the prompt without its <…>, {name: [ExtraNetworkParams]})."""
    found = defaultdict(list)
    for name, arguments in SYNTAX.findall(prompt):
        found[name].append(ExtraNetworkParams(arguments.split(":")))
    return SYNTAX.sub("", prompt), found


def parse_prompts(prompts):
    """Cleaned prompts and the networks of the first one, which count for the whole batch."""
    parsed = [parse_prompt(prompt) for prompt in prompts]
    return [prompt for prompt, _ in parsed], parsed[0][1] if parsed else None


def activate(p, extra_network_data):
    data = extra_network_data or {}
    for network in extra_network_registry.values():
        names = [network.name] + [alias for alias, x in extra_network_aliases.items() if x is network]
        try:
            network.activate(p, [params for name in names for params in data.get(name, [])])
        except Exception as error:
            errors.display(error, f"activating extra network {network.name}")
    if p.scripts is not None:
        p.scripts.after_extra_networks_activate(p, batch_number=p.iteration, prompts=p.prompts, seeds=p.seeds,
                                                subseeds=p.subseeds, extra_network_data=extra_network_data)


def deactivate(p, extra_network_data):
    for network in extra_network_registry.values():
        try:
            network.deactivate(p)
        except Exception as error:
            errors.display(error, f"deactivating extra network {network.name}")
