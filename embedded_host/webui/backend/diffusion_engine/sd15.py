"""A loaded SD1.5 checkpoint."""

from collections import OrderedDict
from types import SimpleNamespace

import torch

from backend import memory_management
from backend.diffusion_engine.base import ForgeObjects
from backend.modules.k_model import KModel
from backend.modules.k_prediction import Prediction
from backend.nn.unet import LdmUNet
from backend.patcher.clip import CLIP
from backend.patcher.unet import UnetPatcher
from backend.patcher.vae import VAE, FirstStage
from backend.text_processing.classic_engine import ClassicTextProcessingEngine
from modules import devices


class LatentFormat:
    """scale_factor: what the VAE's latents are multiplied with before the UNet sees them."""

    def __init__(self, scale_factor):
        self.scale_factor, self.latent_channels = scale_factor, 4

    def process_in(self, latent):
        return latent * self.scale_factor

    def process_out(self, latent):
        return latent / self.scale_factor


class TextEncoder(torch.nn.Module):
    def __init__(self, transformer):
        super().__init__()
        self.transformer = transformer


class StableDiffusion:
    """p.sd_model. unet, autoencoder: diffusers; text_encoder, tokenizer: transformers; names: as LdmUNet takes them."""

    is_sd1 = True
    is_sd2 = is_sd3 = is_sdxl = is_inpaint = use_distilled_cfg_scale = tiling_enabled = False
    first_stage_model = cond_stage_model = None

    def __init__(self, unet, autoencoder, text_encoder, tokenizer, names, info, prediction_type="epsilon"):
        self.sd_checkpoint_info, self.sd_model_hash, self.filename = info, info.shorthash, info.filename
        vae = VAE(model=FirstStage(autoencoder))
        self.scale_factor = float(autoencoder.config.scaling_factor)
        config = SimpleNamespace(latent_format=LatentFormat(self.scale_factor), unet_config={}, is_inpaint=False)
        self.model_config = config
        network = unet.to(device=devices.device, dtype=devices.dtype_unet).eval().requires_grad_(False)
        model = KModel(LdmUNet(network, names), Prediction(prediction_type=prediction_type), config).to(devices.device)
        clip = CLIP(TextEncoder(text_encoder.to(devices.device).eval().requires_grad_(False)),
                    SimpleNamespace(clip_l=tokenizer))
        self.forge_objects = ForgeObjects(unet=UnetPatcher(model), clip=clip, vae=vae, clipvision=None)
        self.forge_objects_original = self.forge_objects.shallow_copy()
        self.forge_objects_after_applying_lora = self.forge_objects.shallow_copy()
        self.current_lora_hash = str([])
        self.text_processing_engine = ClassicTextProcessingEngine(clip.cond_stage_model, tokenizer)
        self.comments, self.extra_generation_params = [], {}
        self._conditions = OrderedDict()

    @property
    def model(self):
        return self.forge_objects.unet.model

    def set_clip_skip(self, clip_skip):
        self.text_processing_engine.clip_skip = clip_skip

    def clear_prompt_cache(self):
        self._conditions.clear()

    @torch.no_grad()
    def get_learned_conditioning(self, prompts):
        """float32 [B, 77·chunks, D]; the last few are remembered."""
        from modules.shared import opts

        self.set_clip_skip(int(opts.CLIP_stop_at_last_layers))
        patcher = self.forge_objects.clip.patcher
        memory_management.load_model_gpu(patcher)
        key = (tuple(prompts), patcher.lora_loader.loaded_hash, self.text_processing_engine.clip_skip, opts.emphasis)
        if key not in self._conditions:
            self._conditions[key] = self.text_processing_engine(list(prompts)).float()
            while len(self._conditions) > 8:
                self._conditions.popitem(last=False)
        return self._conditions[key]

    def get_prompt_lengths_on_ui(self, prompt):
        count = self.text_processing_engine.tokenize_line(prompt)[1]
        return count, max(1, -(-count // 75)) * 75

    def get_first_stage_encoding(self, x):
        return x

    @torch.no_grad()
    def encode_first_stage(self, x):
        """[B, 3, H, W], -1..1 -> scaled latent, a sample of the posterior."""
        latent = self.forge_objects.vae.encode(x.movedim(1, -1) * 0.5 + 0.5)
        return self.forge_objects.vae.first_stage_model.process_in(latent).to(x)

    @torch.no_grad()
    def decode_first_stage(self, x):
        """Scaled latent -> [B, 3, H, W], -1..1."""
        latent = self.forge_objects.vae.first_stage_model.process_out(x)
        return (self.forge_objects.vae.decode(latent).movedim(-1, 1) * 2 - 1).to(x)
