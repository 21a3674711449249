"""Callbacks outside of a Script: `on_NAME(function)` registers, `NAME_callback(*args)` calls. Needed by scripts/relight.py
(app_started, before_ui, ui_settings), the contract's probes, and tests that look into sampling (cfg_denoiser)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modules import errors


@dataclass(eq=False)
class ImageSaveParams:
    """An image about to be saved or just saved."""

    image: Any
    p: Any
    filename: str
    pnginfo: dict


@dataclass(eq=False)
class ExtraNoiseParams:
    """Extra noise that img2img and hires fix add to the latent x; xi: their sum, which a callback may replace."""

    noise: Any
    x: Any
    xi: Any


@dataclass(eq=False)
class CFGDenoiserParams:
    """The inputs of one denoising step, which a callback may replace."""

    x: Any
    image_cond: Any
    sigma: Any
    sampling_step: int
    total_sampling_steps: int
    text_cond: Any
    text_uncond: Any
    denoiser: Any = None


@dataclass(eq=False)
class AfterCFGCallbackParams:
    """The denoised latent after guidance, which a callback may replace."""

    x: Any
    sampling_step: int
    total_sampling_steps: int


@dataclass(eq=False)
class ImageGridLoopParams:
    """The images of a grid and its shape, which a callback may replace."""

    imgs: list
    cols: int
    rows: int


@dataclass(frozen=True)
class Registered:
    """A callback and the file that registered it."""

    script: str
    callback: Callable[..., Any]


MOMENTS = ("app_started", "before_ui", "ui_settings", "model_loaded", "before_component", "after_component", "cfg_denoiser",
           "cfg_after_cfg", "extra_noise", "image_grid", "before_image_saved", "image_saved", "infotext_pasted")
registered: dict[str, list[Registered]] = {moment: [] for moment in MOMENTS}


def _registration(moment: str) -> Callable[..., None]:
    def on(callback: Callable[..., Any], *, name: str | None = None) -> None:
        registered[moment].append(Registered(sys._getframe(1).f_code.co_filename, callback))

    return on


def _call(moment: str) -> Callable[..., None]:
    def call(*args: Any, **kwargs: Any) -> None:
        for entry in tuple(registered[moment]):
            try:
                entry.callback(*args, **kwargs)
            except Exception:
                errors.report(f"The callback {moment} of {entry.script} failed", exc_info=True)

    return call


for _moment in MOMENTS:
    globals().update({f"on_{_moment}": _registration(_moment), f"{_moment}_callback": _call(_moment)})


def remove_all() -> None:
    """Forget every callback, before the scripts are loaded again."""
    for entries in registered.values():
        entries.clear()


def remove_callbacks_for_function(function: Callable[..., Any]) -> None:
    """Forget one function wherever it is registered."""
    for moment, entries in registered.items():
        registered[moment] = [entry for entry in entries if entry.callback is not function]
