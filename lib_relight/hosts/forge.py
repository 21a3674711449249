"""Forge and Forge Neo: UnetPatcher of `backend.patcher`."""

from __future__ import annotations

import inspect
import uuid
from pathlib import Path

import torch

from .base import job_start_sigma, run_all_steps, stop_job

PREFIX = "diffusion_model."
UUIDS = uuid.UUID("5f0c8a52-9d0e-4c55-8a5d-3a1f1f6f3d11")


class ForgeHost:
    """Forge caches merged weights by file name, Neo by an identity that each add_patches renews: both are named by content."""

    name = "forge"

    def __init__(self):
        from backend.patcher.unet import UnetPatcher
        from backend.patcher.vae import VAE

        parameters = inspect.signature(UnetPatcher.add_patches).parameters
        self.filename_required = parameters["filename"].default is inspect.Parameter.empty
        self.native_concat = self.filename_required
        self.native_mode = hasattr(VAE, "encode_inner")

    def unet(self, p):
        return p.sd_model.forge_objects.unet

    def commit(self, p, unet) -> None:
        p.sd_model.forge_objects.unet = unet

    def family(self, p) -> str | None:
        model = p.sd_model
        if not hasattr(model, "forge_objects"):
            return None
        flags = {"is_sd1": "sd15", "is_sd2": "sd2", "is_sdxl": "sdxl"}
        return next((name for flag, name in flags.items() if getattr(model, flag, False)), type(model).__name__)

    def in_channels(self, p) -> int:
        return int(self.unet(p).model.diffusion_model.in_channels)

    def checkpoint_file(self, p) -> Path | None:
        from modules import sd_models

        info = sd_models.select_checkpoint()
        return Path(info.filename) if info else None

    def vae_identity(self, p) -> str:
        """Names the VAE object itself: another VAE, another identity. Kept on the module, so it ends with it."""
        module = p.sd_model.forge_objects.vae.first_stage_model
        if not hasattr(module, "relight_identity"):
            module.relight_identity = uuid.uuid4().hex
        return module.relight_identity

    @torch.inference_mode()
    def encode(self, p, pixels: torch.Tensor, mode: bool = True) -> torch.Tensor:
        vae = p.sd_model.forge_objects.vae
        scale = vae.first_stage_model.process_in
        halves = (pixels.movedim(1, -1) + 1) / 2
        if not mode:
            return scale(vae.encode(halves))
        if self.native_mode:
            vae = vae.clone()
            vae.patcher.set_model_vae_regulation(lambda posterior: posterior.mode())
            return scale(vae.encode(halves))
        return scale(self.encode_mode(vae, pixels))

    def encode_mode(self, vae, pixels: torch.Tensor) -> torch.Tensor:
        """Where the host can only sample: encoder and quant_conv, first half of the channels. Returns an unscaled latent."""
        from backend import memory_management

        memory_management.load_models_gpu([vae.patcher], memory_required=vae.memory_used_encode(pixels.shape, vae.vae_dtype))
        module = vae.first_stage_model
        moments = module.encoder(pixels.to(device=vae.device, dtype=vae.vae_dtype))
        if getattr(module, "quant_conv", None) is not None:
            moments = module.quant_conv(moments)
        return moments.chunk(2, dim=1)[0].to(vae.output_device).float()

    def add_weight_deltas(self, unet, deltas: dict[str, torch.Tensor], identity: str) -> int:
        patches = {PREFIX + key: ("diff", (delta, {"pad_weight": True})) for key, delta in deltas.items()}
        base = getattr(unet, "patches_uuid", None)
        accepted = unet.add_patches(patches=patches, filename=identity)
        if base is not None:
            unet.patches_uuid = uuid.uuid5(UUIDS, f"{base} {identity}")
        return len(accepted)

    def set_concat(self, unet, latent: torch.Tensor) -> None:
        if self.native_concat:
            unet.extra_concat_condition = latent
        else:
            unet.set_model_unet_function_wrapper(concat_wrapper(latent, unet.model_options.get("model_function_wrapper")))

    def set_start_noise(self, p, x: torch.Tensor, noise: torch.Tensor) -> None:
        p.modified_noise = noise

    def run_all_steps(self, p) -> tuple[int, int]:
        return run_all_steps(p)

    def start_sigma(self, p) -> float:
        return job_start_sigma(p, float(self.unet(p).model.predictor.sigmas[-1]))

    def model_dirs(self, kind: str) -> list[Path]:
        from modules import paths

        models = Path(paths.models_path)
        names = {"iclight": ("ic-light", "iclight", "IC-Light", "unet", "diffusion_models")}
        return [models / name for name in names[kind]]

    def fail(self, p, error: Exception, sentence: str, during_sampling: bool = False) -> None:
        stop_job(p, error, sentence, during_sampling)

    def say(self, p, sentence: str) -> None:
        p.comment(sentence)

    def progress(self, text: str | None) -> None:
        from modules import shared

        shared.state.textinfo = text


def concat_wrapper(latent: torch.Tensor, previous):
    """A model_function_wrapper that hands the UNet a c_concat for each chunk, then goes on to the wrapper it found.

    latent: [B, 4n, h, w]; the UNet's rows are chunk after chunk of B images. A plain closure: hosts copy what they hold.
    """

    def wrapper(apply_model, args):
        x, c = args["input"], dict(args["c"])
        c["c_concat"] = latent.to(x).repeat(x.shape[0] // latent.shape[0], 1, 1, 1)
        if previous is not None:
            return previous(apply_model, {**args, "c": c})
        return apply_model(x, args["timestep"], **c)

    return wrapper
