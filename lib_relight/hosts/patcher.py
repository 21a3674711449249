"""What all hosts with `forge_objects` and a UnetPatcher share; the families differ in what they override."""

from __future__ import annotations

import inspect
import uuid
from pathlib import Path

import torch

from ...lib_iclight.conditioning import repeat_to_batch, start_noise
from .base import run_all_steps, stop_job

PREFIX = "diffusion_model."
UUIDS = uuid.UUID("5f0c8a52-9d0e-4c55-8a5d-3a1f1f6f3d11")
CONV_IN_WIDTHS = (4, 8, 12)
FAMILY_FLAGS = {"is_sd1": "sd15", "is_sd2": "sd2", "is_sdxl": "sdxl"}
MODEL_FOLDERS = {
    "iclight": ("ic-light", "iclight", "IC-Light", "unet", "diffusion_models"),
    "ipadapter": ("ipadapter", "ip-adapter", "ControlNet", "controlnet"),
    "clip_vision": ("clip_vision", "image_encoder", "ControlNetPreprocessor", "ControlNet", "controlnet"),
    "faces": ("insightface", "ControlNetPreprocessor"),
}
"""Folders below the host's models folder in which each kind of file is kept, by the hosts and by other extensions."""


class PatcherHost:
    """`p.sd_model.forge_objects` holds unet and vae; a clone of the unet carries this job's patches."""

    memory_management = None
    native_concat = True
    lora_adapter = None
    """The host's class for a LoRA, where it takes no tuples: reForge drops one with a log line, Neo fails the job."""

    def unet(self, p):
        return p.sd_model.forge_objects.unet

    def commit(self, p, unet) -> None:
        p.sd_model.forge_objects.unet = unet

    def family(self, p) -> str | None:
        model = p.sd_model
        if not hasattr(model, "forge_objects"):
            return None
        return next((name for flag, name in FAMILY_FLAGS.items() if getattr(model, flag, False)), type(model).__name__)

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
        latent = self.encode_mode(vae, pixels) if mode else vae.encode(to_host_range(pixels))
        return self.scale_latent(p, latent)

    def encode_mode(self, vae, pixels: torch.Tensor) -> torch.Tensor:
        """Where the host can only sample: encoder and quant_conv, first half of the channels. Returns an unscaled latent."""
        memory_required = vae.memory_used_encode(pixels.shape, vae.vae_dtype)
        self.memory_management.load_models_gpu([vae.patcher], memory_required=memory_required)
        module = vae.first_stage_model
        moments = module.encoder(pixels.to(device=vae.device, dtype=vae.vae_dtype))
        if getattr(module, "quant_conv", None) is not None:
            moments = module.quant_conv(moments)
        return moments.chunk(2, dim=1)[0].to(vae.output_device).float()

    def scale_latent(self, p, latent: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def add_weight_deltas(self, unet, deltas: dict[str, torch.Tensor], identity: str) -> int:
        """Hosts take a key whatever its shape, and drop a misfit while merging: only what fits is offered."""
        weights = dict(unet.model.named_parameters())
        patches = {PREFIX + key: ("diff", (delta, {"pad_weight": True})) for key, delta in deltas.items()
                   if fits(weights.get(PREFIX + key), delta)}
        return self.add_named_patches(unet, patches, identity)

    def add_named_patches(self, unet, patches: dict, identity: str, strength: float = 1.0) -> int:
        """Forge caches merged weights by `filename`, Neo and reForge by a uuid that each call renews: both name the content."""
        base = getattr(unet, "patches_uuid", None)
        named = "filename" in inspect.signature(unet.add_patches).parameters
        accepted = unet.add_patches(patches=patches, strength_patch=strength, **({"filename": identity} if named else {}))
        if base is not None:
            unet.patches_uuid = uuid.uuid5(UUIDS, f"{base} {identity} {strength}")
        return len(set(accepted))

    def merged_weights(self) -> str:
        from modules import shared

        if not hasattr(shared.sd_model, "forge_objects"):
            return "no checkpoint"
        model = shared.sd_model.forge_objects.unet.model
        if hasattr(model, "lora_loader"):
            return model.lora_loader.loaded_hash
        return str(getattr(model, "current_weight_patches_uuid", None))

    def set_concat(self, unet, latent: torch.Tensor) -> None:
        if self.native_concat:
            unet.extra_concat_condition = latent
        else:
            unet.set_model_unet_function_wrapper(concat_wrapper(latent, unet.model_options.get("model_function_wrapper")))

    def block_layout(self, unet) -> tuple[int, int]:
        widths = [weight.shape[1] for key, weight in unet.model.named_parameters() if key.endswith("attn2.to_k.weight")]
        return len(widths), widths[0] if widths else 0

    def attn2_table(self, unet) -> dict:
        return unet.model_options["transformer_options"].get("patches_replace", {}).get("attn2", {})

    def set_cross_attention(self, unet, block: tuple, patch) -> None:
        unet.set_model_attn2_replace(patch, *block)

    def add_lora(self, unet, deltas, strength: float, identity: str) -> int:
        patches = {PREFIX + delta.weight_key: self.lora_patch(delta.up, delta.down) for delta in deltas}
        return self.add_named_patches(unet, patches, f"{identity} lora", strength)

    def lora_patch(self, up: torch.Tensor, down: torch.Tensor):
        """up @ down without alpha, in the form that the host merges."""
        if self.lora_adapter is not None:
            return self.lora_adapter(set(), (up, down, None, None, None, None))
        return "lora", (up, down, None, None, None)

    def executed_sigmas(self, p, starts_late: bool) -> list[float]:
        from modules.sd_samplers_common import setup_img2img_steps

        steps, t_enc = p.steps, None
        if starts_late:
            asked = (p.hr_second_pass_steps or p.steps) if getattr(p, "is_hr_pass", False) else None
            if getattr(p.sampler.sample_img2img, "relight_steps", False):
                asked = p.steps
            steps, t_enc = setup_img2img_steps(p, asked)
        if hasattr(p.sampler, "get_sigmas"):
            sigmas = p.sampler.get_sigmas(p, steps)[:-1]
            return sigmas.tolist() if t_enc is None else sigmas[steps - t_enc - 1:].tolist()
        timesteps = p.sampler.get_timesteps(p, steps)
        timesteps = timesteps if t_enc is None else timesteps[:t_enc]
        return [float(self.sigma_table(p)[int(t)]) for t in reversed(timesteps.tolist())]

    def set_start_latent(self, p, noise: torch.Tensor, latent: torch.Tensor) -> None:
        p.modified_noise = self.start_noise(p, noise, latent)

    def start_noise(self, p, noise: torch.Tensor, latent: torch.Tensor) -> torch.Tensor:
        """Samplers with sigmas scale their start by the first one; the others take a variance-preserving mix."""
        from modules.shared import opts

        if hasattr(p.sampler, "get_sigmas"):
            sigma = float(p.sampler.get_sigmas(p, p.steps)[0])
            return start_noise(noise, latent, (1 + sigma**2) ** 0.5 if getattr(opts, "sgm_noise_multiplier", False) else sigma)
        sigma = float(self.sigma_table(p)[int(p.sampler.get_timesteps(p, p.steps)[-1])])
        return start_noise(noise, latent, sigma) * sigma / (1 + sigma**2) ** 0.5

    def run_all_steps(self, p) -> tuple[int, int]:
        return run_all_steps(p)

    def sigma_table(self, p) -> torch.Tensor:
        """The model's sigma of every training timestep, ascending."""
        raise NotImplementedError

    def sigma_of(self, p, percent: float) -> float:
        raise NotImplementedError

    def attention(self):
        """The host's own attention(q, k, v, heads), joined heads in and out."""
        raise NotImplementedError

    def device(self) -> torch.device:
        return self.memory_management.get_torch_device()

    def model_dirs(self, kind: str) -> list[Path]:
        from modules import paths, shared

        models = Path(paths.models_path)
        flag = getattr(shared.cmd_opts, "relight_models_dir", None)
        return [*([Path(flag)] if flag else []), *(models / name for name in MODEL_FOLDERS[kind]), *sorted(models.glob("*.*"))]

    def fail(self, p, error: Exception, sentence: str, during_sampling: bool = False) -> None:
        stop_job(p, error, sentence, during_sampling)

    def say(self, p, sentence: str) -> None:
        p.comment(sentence)

    def progress(self, text: str | None) -> None:
        from modules import shared

        shared.state.textinfo = text

    def interrupted(self) -> bool:
        from modules import shared

        return shared.state.interrupted


def fits(weight: torch.Tensor | None, delta: torch.Tensor) -> bool:
    """Whether delta can be added to weight; the first convolution may grow. Quantised weights hide their shape.

    What is seen may still be as wide as the job before made it (fbc 12): hosts take patches out only when they merge anew.
    """
    if weight is None or not weight.is_floating_point() or weight.shape == delta.shape:
        return weight is not None
    if delta.ndim != 4 or weight.ndim != 4 or not {weight.shape[1], delta.shape[1]} <= set(CONV_IN_WIDTHS):
        return False
    return weight.shape == (delta.shape[0], weight.shape[1], *delta.shape[2:])


def to_host_range(pixels: torch.Tensor) -> torch.Tensor:
    """float32 [B, 3, H, W], -1..1 -> [B, H, W, 3], 0..1: the hosts' VAE maps it back with 2x - 1."""
    return (pixels.movedim(1, -1) + 1) / 2


def concat_wrapper(latent: torch.Tensor, previous):
    """A model_function_wrapper that hands the UNet a c_concat for each chunk, then goes on to the wrapper it found.

    latent: [B, 4n, h, w]; the UNet's rows are chunk after chunk of B images. A plain closure: hosts copy what they hold.
    """

    def wrapper(apply_model, args):
        x, c = args["input"], dict(args["c"])
        c["c_concat"] = repeat_to_batch(latent.to(x), x.shape[0])
        if previous is not None:
            return previous(apply_model, {**args, "c": c})
        return apply_model(x, args["timestep"], **c)

    return wrapper
