"""What all modules of a WebUI share: settings, flags, the job's state, the model. Needed by lib_relight and the engine."""

from __future__ import annotations

import argparse
from typing import Any

from modules import devices, shared_options
from modules.options import OptionInfo, Options  # noqa: F401
from modules.shared_state import State


class PromptStyles:
    """The API's `styles` field is accepted and leaves prompts unchanged."""

    def apply_styles_to_prompt(self, prompt: str, styles: list[str]) -> str:
        return prompt

    apply_negative_styles_to_prompt = apply_styles_to_prompt


class TotalTqdm:
    """The console's progress bar over all jobs, which this host does not have."""

    def update(self) -> None:
        pass


cmd_opts = argparse.Namespace(
    api=True, skip_install=True, data_dir="", listen=False, subpath=None, api_auth=None, gradio_auth=None)
opts = Options(shared_options.descriptions())
state = State(opts)
prompt_styles = PromptStyles()
total_tqdm = TotalTqdm()

sd_model: Any = None
sd_upscalers: list = []

latent_upscale_modes = {
    f"Latent{suffix}": {"mode": mode, "antialias": "antialiased" in suffix} for suffix, mode in (
        ("", "bilinear"), (" (antialiased)", "bilinear"), (" (bicubic)", "bicubic"), (" (bicubic antialiased)", "bicubic"),
        (" (nearest)", "nearest"), (" (nearest-exact)", "nearest-exact"))}
latent_upscale_default_mode = next(iter(latent_upscale_modes))


def __getattr__(name: str) -> Any:
    if name == "device":
        return devices.device
    raise AttributeError(f"`modules.shared` of the embedded host has no `{name}`.")
