"""The settings that this host reads, or that API clients usually send, with their default values and ranges."""

from __future__ import annotations

from typing import Any

from modules.options import OptionInfo

DEFAULTS: dict[str, Any] = {
    "CLIP_stop_at_last_layers": 1,
    "add_model_hash_to_info": True,
    "add_model_name_to_info": True,
    "add_version_to_infotext": True,
    "always_discard_next_to_last_sigma": False,
    "emphasis": "Original",
    "enable_pnginfo": True,
    "eta_ancestral": 1.0,
    "eta_ddim": 0.0,
    "eta_noise_seed_delta": 0,
    "face_restoration": False,
    "grid_format": "png",
    "grid_only_if_multiple": True,
    "grid_save": False,
    "img2img_background_color": "#ffffff",
    "img2img_color_correction": False,
    "img2img_extra_noise": 0.0,
    "img2img_fix_steps": False,
    "initial_noise_multiplier": 1.0,
    "jpeg_quality": 80,
    "live_previews_enable": True,
    "outdir_img2img_grids": "outputs/img2img-grids",
    "outdir_img2img_samples": "outputs/img2img-images",
    "outdir_txt2img_grids": "outputs/txt2img-grids",
    "outdir_txt2img_samples": "outputs/txt2img-images",
    "overlay_inpaint": True,
    "randn_source": "CPU",
    "return_grid": True,
    "return_mask": False,
    "return_mask_composite": False,
    "s_min_uncond": 0.0,
    "samples_format": "png",
    "samples_save": True,
    "save_incomplete_images": False,
    "sd_model_checkpoint": None,
    "sd_vae": "Automatic",
    "show_progress_every_n_steps": 5,
    "skip_early_cond": 0.0,
    "tiling": False,
    "upscaler_for_img2img": None,
}
RANGES = {
    "CLIP_stop_at_last_layers": (1, 12),
    "eta_ancestral": (0, 1),
    "eta_ddim": (0, 1),
    "eta_noise_seed_delta": (0, 2**31),
    "img2img_extra_noise": (0, 1),
    "initial_noise_multiplier": (0, 2),
    "jpeg_quality": (1, 100),
    "s_min_uncond": (0, 15),
    "show_progress_every_n_steps": (-1, 150),
}


def descriptions() -> dict[str, OptionInfo]:
    """Return an OptionInfo for each setting."""
    limits = {name: {"minimum": low, "maximum": high} for name, (low, high) in RANGES.items()}
    return {name: OptionInfo(default, component_args=limits.get(name)) for name, default in DEFAULTS.items()}
