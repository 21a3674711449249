"""Training loop of all stages: warm-up and cosine schedule, gradient clipping, EMA, exactly resumable checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .devices import Progress

Draw = Callable[[float, torch.Generator], Tensor]  # (share of the training done, random numbers) -> loss


@dataclass(frozen=True)
class Plan:
    steps: int
    lr: float
    seed: int
    ema: float = 0.995
    warmup: int = 60
    weight_decay: float = 1e-3
    save_every: float = 120.0  # seconds


def learning_rate(plan: Plan, step: int) -> float:
    """Return the learning rate: linear warm-up, then a cosine to one percent."""
    cosine = 0.5 * (1 + math.cos(math.pi * step / plan.steps))
    return plan.lr * min(1.0, (step + 1) / plan.warmup) * (0.01 + 0.99 * cosine)


class Ema:
    """Exponential moving average of all modules' floating-point state, with a shorter horizon at the start."""

    def __init__(self, modules: dict[str, nn.Module], decay: float) -> None:
        self.modules, self.decay, self.count = modules, decay, 0
        self.state = {name: {k: v.detach().clone() for k, v in m.state_dict().items()} for name, m in modules.items()}

    @torch.no_grad()
    def update(self) -> None:
        self.count += 1
        keep = min(self.decay, self.count / (self.count + 10))
        for name, module in self.modules.items():
            for key, value in module.state_dict().items():
                if value.is_floating_point():
                    self.state[name][key].lerp_(value, 1 - keep)


class Run:
    """The state of a training run: saved as NAME.part.pt, and at the end as NAME.pt (`path`) with the averaged weights."""

    def __init__(self, path: Path, modules: dict[str, nn.Module], plan: Plan, device: torch.device) -> None:
        self.path, self.part = path, path.with_suffix(".part.pt")
        self.modules, self.plan, self.device = modules, plan, device
        self.params = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.params, lr=plan.lr, betas=(0.9, 0.99), weight_decay=plan.weight_decay)
        self.ema = Ema(modules, plan.ema)
        self.generator = torch.Generator(device="cpu").manual_seed(plan.seed)
        self.step = 0

    def save(self) -> None:
        state = {"plan": asdict(self.plan), "step": self.step, "optimizer": self.optimizer.state_dict(),
                 "modules": {k: m.state_dict() for k, m in self.modules.items()}, "ema": self.ema.state,
                 "ema_count": self.ema.count, "generator": self.generator.get_state()}
        draft = self.part.with_suffix(".tmp")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, draft)
        draft.replace(self.part)

    def resume(self) -> None:
        """Resume from NAME.part.pt if it has the same plan."""
        if not self.part.exists():
            return
        state = torch.load(self.part, map_location=self.device, weights_only=True)
        if state["plan"] != asdict(self.plan):
            return
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.state, self.ema.count = state["ema"], state["ema_count"]
        self.generator.set_state(state["generator"].cpu())
        self.step = state["step"]

    def finish(self) -> None:
        """Write the averaged weights to NAME.pt and load them into the modules."""
        for name, module in self.modules.items():
            module.load_state_dict(self.ema.state[name])
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(self.ema.state, self.path)
        self.part.unlink(missing_ok=True)


def train(path: Path, modules: dict[str, nn.Module], plan: Plan, draw_loss: Draw, device: torch.device) -> None:
    """Minimise `draw_loss` and store the averaged weights in `modules` and `path`. An existing `path` is only loaded."""
    if path.exists():
        for name, state in torch.load(path, map_location=device, weights_only=True).items():
            modules[name].load_state_dict(state)
        return
    run = Run(path, modules, plan, device)
    run.resume()
    progress, saved, window = Progress(path.stem, plan.steps), time.monotonic(), []
    while run.step < plan.steps:
        for group in run.optimizer.param_groups:
            group["lr"] = learning_rate(plan, run.step)
        loss = draw_loss(run.step / plan.steps, run.generator)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.params, 1.0)
        run.optimizer.step()
        run.ema.update()
        run.step += 1
        window = [*window[-99:], loss.detach()]
        progress.show(run.step, f"step {run.step}, loss {float(sum(window)) / len(window):.4f}")
        if time.monotonic() - saved > plan.save_every:
            run.save()
            saved = time.monotonic()
    run.finish()
