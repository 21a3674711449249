"""What a job leaves in memory, and that a second one still computes nothing again."""

import pytest
import torch
from sd_relight.lib_relight.base import caches, memory
from sd_relight.lib_relight.base.errors import OUT_OF_MEMORY
from sd_relight.lib_relight.job import ip_adapter_pass, subject
from sd_relight.lib_relight.matting import matting
from sd_relight.lib_relight.models import face_models

JOB = {"width": 64, "height": 64, "steps": 2, "cfg_scale": 2.0, "seed": 5, "prompt": "a red ball", "sampler_name": "Euler"}


@pytest.fixture
def prompted(host, photo):
    """Run a job with an image prompt."""
    unit = {"model": "ip-adapter", "image": photo}
    return lambda **fields: host.txt2img({**JOB, **fields, "alwayson_scripts": {"Relight": {"args": [{"ip_adapter": [unit]}]}}})


def copies():
    """How many keys and masks of the cached units have copies for a running job."""
    units = [unit for made in ip_adapter_pass.unit_cache.entries.values() for unit in made]
    return sum(bool(keys._placed or keys._laid_out) for unit in units for keys in unit.keys.values())


@pytest.fixture
def during(monkeypatch):
    """Numbers of copies while the sampler begins."""
    from modules.sd_samplers_kdiffusion import KDiffusionSampler

    seen, original = [], KDiffusionSampler.sample

    def sample(self, *args, **kwargs):
        seen.append(copies())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(KDiffusionSampler, "sample", sample)
    return seen


def test_copies_on_the_device_last_as_long_as_the_job(prompted, during):
    first = prompted()
    assert (during, copies()) == ([16], 0)
    counted = dict(caches.counters)
    second = prompted(n_iter=2)
    assert (during, copies()) == ([16, 16, 16], 0)
    assert dict(caches.counters) == counted, "nothing is read, encoded or computed again"
    assert second.images[-2].tobytes() == first.images[0].tobytes()


def test_a_job_that_fails_in_the_host_leaves_none(prompted, during, monkeypatch):
    from modules.sd_samplers_kdiffusion import KDiffusionSampler

    def sample(self, *args, **kwargs):
        during.append(copies())
        raise ValueError("the host's")

    monkeypatch.setattr(KDiffusionSampler, "sample", sample)
    with pytest.raises(Exception, match="the host's"):
        prompted()
    assert (during, copies()) == ([16], 0)


def test_a_job_inside_another_one_only_costs_another_copy(prompted, during, monkeypatch):
    """A detailer's job ends while the outer one still samples."""
    expected = prompted().images[0].tobytes()
    real = ip_adapter_pass.IpAdapterPass.apply

    def apply(self, *args):
        real(self, *args)
        memory.end_job()

    monkeypatch.setattr(ip_adapter_pass.IpAdapterPass, "apply", apply)
    assert prompted().images[0].tobytes() == expected
    assert (during, copies()) == ([16, 0], 0)


def kept():
    """How many values the caches hold."""
    return sum(len(cache.entries) for cache in caches.all_caches())


@pytest.fixture
def short_of_memory(monkeypatch):
    """The sampler, or a hook before it, lacks memory as long as models are open or more than so many values are cached."""
    monkeypatch.setattr(face_models, "FaceSession", lambda path: object())
    matting.sessions["a model"] = object()
    face_models.session("a model", "its content")

    def lack(owner, name, limit):
        original = getattr(owner, name)

        def limited(self, *args, **kwargs):
            if matting.sessions or face_models.session.cache_info().currsize or kept() > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return original(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, limited)

    yield lack
    matting.release()
    face_models.release()


@pytest.mark.parametrize("where", ["while sampling", "in a hook"])
def test_a_job_that_lacked_memory_works_when_it_is_tried_again(prompted, host, photo, short_of_memory, where):
    """What other jobs left is freed; what this one read and computed stays, since the host still holds it."""
    from modules.sd_samplers_kdiffusion import KDiffusionSampler

    expected = prompted().images[0].tobytes()
    used = kept_of_one_job(prompted)
    for light in ("left", "right"):
        host.txt2img({**JOB, "alwayson_scripts": {"Relight": {"args": [{"iclight": {"foreground": photo, "light": light}}]}}})
    assert kept() > used and subject.latents.entries
    owner, name = {"while sampling": (KDiffusionSampler, "sample"), "in a hook": (ip_adapter_pass.IpAdapterPass, "add_loras")}[where]
    short_of_memory(owner, name, used)
    with pytest.raises(Exception) as caught:
        prompted()
    assert str(caught.value) == OUT_OF_MEMORY and not subject.latents.entries and copies() == 0
    counted = dict(caches.counters)
    assert prompted().images[0].tobytes() == expected
    assert dict(caches.counters) == counted, "nothing is read or computed again"


def kept_of_one_job(job):
    for cache in caches.all_caches():
        cache.clear()
    job()
    return kept()
