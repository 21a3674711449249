"""The samplers by name."""

from modules import sd_samplers_steps as steps
from modules import sd_schedulers
from modules.sd_samplers_common import SamplerData, sample_to_image, samples_to_image_grid  # noqa: F401
from modules.sd_samplers_kdiffusion import KDiffusionSampler
from modules.sd_samplers_timesteps import CompVisSampler


def _data(name, stepper, aliases, options=None, sampler=KDiffusionSampler):
    return SamplerData(name, lambda model: sampler(stepper, model), aliases, options or {})


all_samplers = [
    _data("DPM++ 2M", steps.DpmStepper, ["k_dpmpp_2m"], {"scheduler": "karras"}),
    _data("DPM++ 2M SDE", steps.DpmSdeStepper, ["k_dpmpp_2m_sde"], {"scheduler": "exponential", "brownian_noise": True}),
    _data("Euler a", steps.EulerAncestralStepper, ["k_euler_a", "k_euler_ancestral"], {"uses_ensd": True}),
    _data("Euler", steps.EulerStepper, ["k_euler"]),
    _data("DDIM", steps.DdimStepper, ["ddim"], sampler=CompVisSampler),
]
samplers = samplers_for_img2img = all_samplers
all_samplers_map = {sampler.name: sampler for sampler in all_samplers}
samplers_map = {alias.lower(): x.name for x in all_samplers for alias in [x.name, *x.aliases]}
samplers_hidden = set()


def find_sampler_config(name):
    return all_samplers_map.get(name, all_samplers[0])


def create_sampler(name, model):
    config = find_sampler_config(name)
    sampler = config.constructor(model)
    sampler.config = config
    return sampler


def visible_samplers():
    return all_samplers


def visible_sampler_names():
    return [sampler.name for sampler in all_samplers]


def get_sampler_and_scheduler(sampler_name, scheduler_name, *, convert_automatic=True):
    """(sampler name, scheduler label) of names as users write them, also of one like "DPM++ 2M Karras"."""
    found = sd_schedulers.schedulers_map.get(scheduler_name, sd_schedulers.schedulers[0])
    name = sampler_name or all_samplers[0].name
    for scheduler in sd_schedulers.schedulers:
        for ending in (scheduler.label, scheduler.name, *scheduler.aliases):
            if name.endswith(f" {ending}"):
                found, name = scheduler, name[:-len(ending) - 1]
                break
    sampler = find_sampler_config(samplers_map.get(name.lower(), name))
    if convert_automatic and sampler.options.get("scheduler") == found.name:
        found = sd_schedulers.schedulers[0]
    return sampler.name, found.label


def get_sampler_from_infotext(d):
    return get_sampler_and_scheduler(d.get("Sampler"), d.get("Schedule type"))[0]


def get_scheduler_from_infotext(d):
    return get_sampler_and_scheduler(d.get("Sampler"), d.get("Schedule type"))[1]


def fix_p_invalid_sampler_and_scheduler(p):
    p.sampler_name, p.scheduler = get_sampler_and_scheduler(p.sampler_name, p.scheduler, convert_automatic=False)


def set_samplers():
    pass
