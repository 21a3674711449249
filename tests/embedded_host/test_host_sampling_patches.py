"""What extensions patch into the embedded host's sampling: wrappers, conditions, ControlNets, block patches, CFG functions."""

import torch
from embedded_host.conftest import MIDDLE


def test_cfg_1_runs_the_condition_only(host, probe, latents):
    rows = []

    def wrapper(apply_model, args):
        rows.append((args["cond_or_uncond"], args["input"].shape[0], args["c"]["transformer_options"]["cond_indices"]))
        return apply_model(args["input"], args["timestep"], **args["c"])

    def patch(p, *args, **kwargs):
        unet = p.sd_model.forge_objects.unet.clone()
        unet.set_model_unet_function_wrapper(wrapper)
        p.sd_model.forge_objects.unet = unet

    probe.actions["process_before_every_sampling"] = patch
    latents(steps=1, batch_size=2)
    latents(steps=1, batch_size=2, cfg_scale=1)
    assert rows == [([1, 0], 4, [2, 3]), ([0], 2, [0, 1])], "unconditional rows first"


def test_concat_condition_reaches_both_halves(probe, latents):
    seen = []

    def patch(p, *args, x, **kwargs):
        unet = p.sd_model.forge_objects.unet.clone()
        unet.extra_concat_condition = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 4, 8, 8)
        unet.set_model_unet_function_wrapper(lambda apply, a: seen.append(a["c"].pop("c_concat")) or apply(
            a["input"], a["timestep"], **a["c"]))
        p.sd_model.forge_objects.unet = unet

    probe.actions["process_before_every_sampling"] = patch
    latents(steps=1, batch_size=2)
    assert seen[0].shape == (4, 4, 8, 8) and seen[0][:, 0, 0, 0].tolist() == [0, 1, 0, 1]


class Control:
    """A ControlNet that adds its strength to the middle block; events: how it was called."""

    def __init__(self):
        self.previous_controlnet, self.events = None, []

    def set_previous_controlnet(self, other):
        self.previous_controlnet = other

    def pre_run(self, model, percent_to_sigma):
        self.events.append(("pre_run", percent_to_sigma(1.0)))

    def get_control(self, x, sigma, c, chunks):
        self.events.append((tuple(x.shape), chunks, sorted(self.transformer_options)[:2]))
        return {"middle": [torch.full((len(x), MIDDLE, 1, 1), self.strength)]}

    def get_models(self):
        return []

    def cleanup(self):
        self.events.append("cleanup")


def test_a_controlnets_outputs_are_added(probe, latents):
    def patch(p, *args, **kwargs):
        p.sd_model.forge_objects.unet = unet = p.sd_model.forge_objects.unet.clone()
        unet.add_patched_controlnet(control)

    plain, control = latents(steps=1), Control()
    probe.actions["process_before_every_sampling"] = patch
    control.strength = 0.0
    assert torch.equal(latents(steps=1), plain)
    control.strength = 5.0
    assert not torch.equal(latents(steps=1), plain)
    assert control.events[:3] == [("pre_run", 0.0), ((2, 4, 8, 8), 2, ["cond_indices", "cond_mark"]), "cleanup"]


def test_freeu_like_patch(probe, latents):
    """What FreeU does: a closure on a clone that scales half of the features by their width."""
    def patch(p, *args, **kwargs):
        unet = p.sd_model.forge_objects.unet
        widths = {unet.model.diffusion_model.config.get("model_channels") * 2: 1.3}

        def output_block_patch(h, hsp, transformer_options):
            scale = widths.get(h.shape[1])
            if scale is not None:
                h[:, :h.shape[1] // 2] = h[:, :h.shape[1] // 2] * scale
                hsp = torch.fft.ifftn(torch.fft.fftn(hsp.float(), dim=(-2, -1)) * 0.9, dim=(-2, -1)).real.to(hsp.dtype)
            return h, hsp

        unet = unet.clone()
        unet.set_model_output_block_patch(output_block_patch)
        p.sd_model.forge_objects.unet = unet

    plain = latents()
    probe.actions["process_before_every_sampling"] = patch
    patched = latents()
    probe.actions.pop("process_before_every_sampling")
    assert not torch.equal(patched, plain) and torch.equal(latents(), plain)


def test_cfg_functions(probe, latents):
    plain, double = latents(steps=1, cfg_scale=3.0), latents(steps=1, cfg_scale=6.0)

    def patch(p, *args, **kwargs):
        p.sd_model.forge_objects.unet = unet = p.sd_model.forge_objects.unet.clone()
        unet.set_model_sampler_cfg_function(
            lambda args: args["uncond"] + (args["cond"] - args["uncond"]) * args["cond_scale"] * 2)

    def post(p, *args, **kwargs):
        p.sd_model.forge_objects.unet = unet = p.sd_model.forge_objects.unet.clone()
        unet.set_model_sampler_post_cfg_function(lambda args: args["denoised"] * 0 + 1)

    probe.actions["process_before_every_sampling"] = patch
    torch.testing.assert_close(latents(steps=1), double, atol=1e-3, rtol=0)  # differences of numbers about 15
    probe.actions["process_before_every_sampling"] = post
    torch.testing.assert_close(latents(steps=1), torch.ones_like(plain), atol=1e-5, rtol=0)
