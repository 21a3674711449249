"""Tests that a stopped training resumes exactly."""

import pytest
import torch
from sd_relight.training import loop
from sd_relight.training.latents import build_scheduler
from sd_relight.training.noising import draw_timesteps, path_shift, weighted_loss
from sd_relight.training.train import build_parser
from torch import nn

CPU = torch.device("cpu")
PLAN = loop.Plan(steps=12, lr=1e-2, seed=4, warmup=2, save_every=0.0)


class Stopped(Exception):
    pass


def run(path, stop_at=None):
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    seen = []

    def draw_loss(done, generator):
        if stop_at is not None and len(seen) == stop_at:
            raise Stopped
        seen.append(done)
        x = torch.randn(8, 3, generator=generator)
        return (model(x) - x[:, :2] * 2).pow(2).mean()

    loop.train(path, {"model": model}, PLAN, draw_loss, CPU)
    return model.weight.detach().clone(), seen


def test_resuming_changes_nothing(tmp_path):
    straight, _ = run(tmp_path / "straight.pt")
    with pytest.raises(Stopped):
        run(tmp_path / "stopped.pt", stop_at=5)
    resumed, seen = run(tmp_path / "stopped.pt")
    assert len(seen) == PLAN.steps - 5
    assert torch.equal(resumed, straight)
    assert not (tmp_path / "stopped.part.pt").exists()


def test_a_finished_run_is_only_loaded(tmp_path):
    weight, _ = run(tmp_path / "done.pt")
    again, seen = run(tmp_path / "done.pt")
    assert seen == [] and torch.equal(again, weight)


def test_learning_rate_warms_up_and_falls_to_a_hundredth():
    rates = [loop.learning_rate(PLAN, step) for step in range(PLAN.steps)]
    assert rates[0] == pytest.approx(PLAN.lr / 2)
    assert max(rates) == rates[1] and rates[-1] < 0.05 * PLAN.lr


def test_the_path_ends_in_ddims_first_noisy_latent():
    """At the first timestep the shifted noise makes exactly the noised initial image."""
    alphas = build_scheduler().alphas_cumprod
    t = torch.tensor([999])
    z, start, noise = torch.randn(3, 1, 4, 8, 8).unbind(0)
    shift = path_shift(alphas, t, z, start, 1.0, torch.Generator().manual_seed(0))
    a = alphas[t].view(-1, 1, 1, 1)
    shifted = a.sqrt() * z + (1 - a).sqrt() * (noise + shift)
    torch.testing.assert_close(shifted, a.sqrt() * start + (1 - a).sqrt() * noise, atol=1e-5, rtol=0)


def test_late_timesteps_weigh_more():
    alphas = build_scheduler().alphas_cumprod
    error = torch.full((1, 4, 2, 2), 0.1)
    early, late = (float(weighted_loss(error, torch.zeros_like(error), alphas[torch.tensor([t])])) for t in (50, 900))
    assert late > 10 * early
    t = draw_timesteps(4000, torch.Generator().manual_seed(0))
    assert 0 <= t.min() and t.max() <= 999 and 0.47 < (t >= 650).float().mean() < 0.55


def test_the_command_line_never_writes_to_models_demo_by_default():
    assert build_parser().parse_args([]).out.parts[0] == "outputs"
