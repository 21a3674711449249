"""Known differences of hosts, detected from the running host and printed at the end of a run.

A test that meets one calls `met(client, key)` and goes on with what the host has; a key that is not here is a failure.
"""

from __future__ import annotations

EXPECTED = {
    "no latent upscaler": ("hires with `Latent`", "the host lists no latent upscaler", "its upscaler `None` is used"),
    "sizes in 64": ("hires at 1.2", "the host rounds sizes to multiples of 64", "the second pass has the host's own size"),
    "no ControlNet": ("ControlNet and IP-Adapter beside Relight", "the host has no built-in ControlNet", "not tested"),
    "own IP-Adapter broken": ("the host's own IP-Adapter in the same job", "its own loader of the image encoder raises",
                              "not tested"),
    "no merged set": ("a job like the one before merges nothing", "A1111 has no patcher that could keep merged weights between jobs",
                      "not tested: they go in and out with each run of the sampler"),
    "no wrapper of the UNet": ("cond and uncond apart, tiles", "A1111 has no wrapper around the UNet's calls", "not tested"),
    "one checkpoint": ("another checkpoint in between", "the host has one SD 1.5 checkpoint", "not tested"),
    "no LoRA folder": ("LoRA in the same job", "the host keeps no models/Lora folder", "not tested"),
}
"""key -> (rule, what the host does, what the test does)."""

_met: dict[tuple[str, str], None] = {}


def met(client, key: str) -> None:
    assert key in EXPECTED, f"{key} is no expected difference; it is a failure or belongs into the table"
    _met[client.name, key] = None


def table() -> str:
    """Markdown; a sentence when there is nothing to say."""
    if not _met:
        return "no differences between hosts were met"
    rows = [f"| {host} | {' | '.join(EXPECTED[key])} |" for host, key in _met]
    return "\n".join(["| host | rule | the host | the test |", "|---|---|---|---|", *rows])


def count(host: str) -> int:
    return sum(name == host for name, _ in _met)
