"""The embedded host as one object: load a model and the extensions, make pictures, serve the API and the page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from .boot import boot
from .payload import script_arguments, split_payload

ROOT = Path(__file__).resolve().parents[1]


class EmbeddedHost:
    """One per process: the surface it fills is global. A later one replaces the model and reloads the scripts."""

    def __init__(self, models_dir, device="auto", extensions=(ROOT,), data_dir=None):
        boot(models_dir, device=device, data_dir=data_dir, extensions=extensions)
        from modules import extra_networks, script_callbacks, scripts, sd_models, shared, upscaler
        from modules.extra_networks_lora import ExtraNetworkLora

        from .checkpoints.models import load_model

        shared.sd_upscalers[:] = upscaler.builtin()
        extra_networks.register_extra_network(ExtraNetworkLora())
        sd_models.set_model(load_model(Path(models_dir)))
        scripts.load_scripts()
        script_callbacks.before_ui_callback()
        script_callbacks.ui_settings_callback()
        self._build_scripts()
        script_callbacks.model_loaded_callback(shared.sd_model)

    def _build_scripts(self):
        """Each tab's panel once, so that every script knows its arguments."""
        import modules.gradio_extensions  # noqa: F401
        import gradio as gr
        from modules import scripts

        self._defaults = {}
        for kind, runner in (("txt2img", scripts.scripts_txt2img), ("img2img", scripts.scripts_img2img)):
            scripts.scripts_current = runner
            runner.initialize_scripts(is_img2img=kind == "img2img")
            with gr.Blocks():
                runner.prepare_ui()
                runner.setup_ui()
            self._defaults[kind] = runner.default_script_args()

    @property
    def model(self):
        from modules import shared

        return shared.sd_model

    @property
    def merged_tensors(self) -> int:
        """How many weights have been merged into the UNet since it was loaded."""
        return self.model.forge_objects_original.unet.lora_loader.merged_tensors

    def txt2img(self, payload: dict | None = None, **fields):
        """Run a /sdapi/v1/txt2img payload; pictures in it may be PIL. Returns Processed."""
        from modules.processing import StableDiffusionProcessingTxt2Img

        return self._run("txt2img", StableDiffusionProcessingTxt2Img, {**(payload or {}), **fields})

    def img2img(self, payload: dict | None = None, **fields):
        """Run a /sdapi/v1/img2img payload; pictures in it may be PIL. Returns Processed."""
        from modules.processing import StableDiffusionProcessingImg2Img

        return self._run("img2img", StableDiffusionProcessingImg2Img, {**(payload or {}), **fields})

    def _run(self, kind, processing_class, payload):
        from modules import call_queue, processing, scripts, shared

        runner = scripts.scripts_txt2img if kind == "txt2img" else scripts.scripts_img2img
        fields, options = split_payload(kind, payload)
        arguments = script_arguments(runner, self._defaults[kind], options["alwayson_scripts"])
        with call_queue.queue_lock, closing(processing_class(sd_model=shared.sd_model, **fields)) as p:
            p.is_api = True
            p.scripts = runner
            p.outpath_samples = getattr(shared.opts, f"outdir_{kind}_samples")
            p.outpath_grids = getattr(shared.opts, f"outdir_{kind}_grids")
            shared.state.begin(job=f"scripts_{kind}")
            try:
                p.script_args = tuple(arguments)
                processed = processing.process_images(p)
                processing.process_extra_images(processed)
                return processed
            finally:
                shared.state.end()

    def api_app(self, ui=False):
        """FastAPI application with /sdapi/v1, and with the page when ui."""
        from .page.server import create_app

        return create_app(ui=ui)

    def build_ui(self):
        """The page as gr.Blocks."""
        from .page.page import build_ui

        return build_ui()
