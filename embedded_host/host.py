"""The embedded host as one object: loads a model and the extensions, runs jobs, serves the API and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .install import install_modules
from .lean_imports import import_diffusers
from .payload import check_settings, processing_fields, script_arguments

ROOT = Path(__file__).resolve().parent.parent
TABS = ("txt2img", "img2img")


class EmbeddedHost:
    """One per process, since `modules` is; a later one replaces the model and loads the scripts again.

    models_dir: a diffusers folder, or a folder with an SD 1.5 checkpoint as *.safetensors.
    device, extensions, data_dir: as in `install_modules`. may_install: whether the
    extensions may run pip. flags: the WebUIs' command-line flags by name, see `flags`. Raises HostError for models that it cannot
    load.
    """

    def __init__(self, models_dir: str | Path, device: str = "auto", extensions: Sequence[str | Path] = (ROOT,),
                 data_dir: str | Path | None = None, may_install: bool = False, flags: Mapping[str, Any] | None = None):
        import_diffusers(models_dir)
        install_modules(models_dir, device=device, data_dir=data_dir, extensions=extensions)
        from modules import script_callbacks, scripts, shared

        vars(shared.cmd_opts).update({**(flags or {}), "skip_install": not may_install})
        self._load_model(Path(models_dir))
        scripts.load_scripts()
        for callback in (script_callbacks.before_ui_callback, script_callbacks.ui_settings_callback):
            callback()
        self._defaults = build_panels()
        script_callbacks.model_loaded_callback(shared.sd_model)

    def _load_model(self, folder: Path) -> None:
        from modules import extra_networks, sd_models, sd_samplers_common, shared, upscaler
        from modules.extra_networks_lora import ExtraNetworkLora

        from .checkpoints.models import load_model

        shared.sd_upscalers[:] = upscaler.builtin()
        shared.state.decode_preview = sd_samplers_common.preview
        extra_networks.register_extra_network(ExtraNetworkLora())
        sd_models.set_model(load_model(folder))

    @property
    def model(self) -> Any:
        from modules import shared

        return shared.sd_model

    @property
    def merged_tensors(self) -> int:
        """How many weights have been merged into the UNet since it was loaded."""
        return self.model.forge_objects_original.unet.lora_loader.merged_tensors

    def txt2img(self, payload: dict[str, Any] | None = None, **fields: Any) -> Any:
        """Run a /sdapi/v1/txt2img payload, whose images may be PIL. Returns Processed; raises HostError."""
        return self._run("txt2img", {**(payload or {}), **fields})

    def img2img(self, payload: dict[str, Any] | None = None, **fields: Any) -> Any:
        """Run a /sdapi/v1/img2img payload, whose images may be PIL. Returns Processed; raises HostError."""
        return self._run("img2img", {**(payload or {}), **fields})

    def _run(self, tab: str, payload: dict[str, Any]) -> Any:
        from . import jobs

        fields = processing_fields(tab, payload)
        check_settings(fields.get("override_settings") or {})
        arguments = script_arguments(jobs.runner_of(tab), self._defaults[tab], payload.get("alwayson_scripts"))
        return jobs.run(tab, fields, arguments)

    def build_ui(self) -> Any:
        """Return the page as gr.Blocks."""
        from .page.page import build_ui

        return build_ui()


def build_panels() -> dict[str, list[Any]]:
    """Build the panels of both tabs once, so that every script knows its arguments. Returns their default values by tab."""
    import gradio as gr
    from modules import scripts

    from .page import gradio_compat  # noqa: F401

    defaults = {}
    with gr.Blocks(title="defaults", analytics_enabled=False):
        for tab, runner in zip(TABS, (scripts.scripts_txt2img, scripts.scripts_img2img)):
            runner.initialize_scripts(tab == "img2img")
            with scripts.building(runner):
                _, *components = runner.setup_ui()
            defaults[tab] = [0, *(component.value for component in components)]
    return defaults
