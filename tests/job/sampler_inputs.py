"""What a job passes to the host's sampler, and the same computed by hand."""

import torch
from decoding import decoded
from sd_relight.lib_iclight import foreground, light_map
from sd_relight.lib_iclight.params import IcLightParams

JOB = {"width": 64, "height": 96, "steps": 2, "cfg_scale": 2.0, "seed": 5, "prompt": "a red ball", "sampler_name": "Euler"}


def watch(monkeypatch, name, seen):
    from modules.sd_samplers_kdiffusion import KDiffusionSampler

    original = getattr(KDiffusionSampler, name)

    def watched(self, p, x, *args, **kwargs):
        seen.append({"p": p, "unet": p.sd_model.forge_objects.unet, "x": x.clone(), "steps": kwargs.get("steps"),
                     "matched": p.color_corrections})
        return original(self, p, x, *args, **kwargs)

    monkeypatch.setattr(KDiffusionSampler, name, watched)


def mode_latent(host, image):
    """The formula of the original, by hand: encoder and quant_conv, first half of the channels, times the scale."""
    vae = host.model.forge_objects.vae.first_stage_model
    pixels = torch.from_numpy(image.copy()).movedim(-1, 0)[None].float() / 127 - 1
    with torch.inference_mode():
        moments = vae.quant_conv(vae.encoder(pixels))
        return moments.chunk(2, dim=1)[0] * host.model.forge_objects.unet.model.config.latent_format.scale_factor


def on_grey(photo, width, height, mode="cover"):
    rgb, alpha = decoded(photo).rgb, decoded(photo).alpha
    return foreground.fit(foreground.grey_composite(rgb, alpha), width, height, mode)


def light(kind="fc", width=64, height=96, **fields):
    return light_map.render_lights(IcLightParams(**fields), kind, width, height)
