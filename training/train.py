"""`python dev.py train-demo`: train the demo models from scratch, or train some of them further.

Stages run in order and can be stopped at any time; the next call resumes. Takes minutes on a GPU and some hours on two
CPU cores. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from . import evaluate
from .adapters import adapter_state
from .dataset import LatentSet, encode_dataset, render_dataset
from .devices import pick_device
from .latents import build_scheduler
from .loop import Plan
from .models import build_text, build_unet, build_vae, load_unet, save_half, save_pipeline_files, save_tensors, save_unets
from .starts import start_unet, start_vae
from .tokenizer import write_tokenizer
from .train_adapter import train_adapter
from .train_unet import draw_batch, train_unet, variant_start
from .train_vae import train_vae
from .widen import widen_models

STAGES = ("data", "vae", "encode", "widen", "joint", "base", "fc", "fbc", "adapter", "evaluate")
STEPS = {"vae": 4000, "joint": 12000, "base": 3000, "fc": 4000, "fbc": 4000, "eyes": 1500, "adapter": 3000}
RATES = {"vae": 2e-3, "joint": 2e-3, "base": 5e-4, "fc": 5e-4, "fbc": 5e-4, "eyes": 1.5e-3, "adapter": 1.5e-3}
STYLES = {"small": (128, 3072), "large": (256, 768)}  # image size, number of styles


@dataclass
class TrainingJob:
    """Folders, device and settings of one training."""

    models: Path  # output
    work: Path  # data sets and checkpoints
    device: torch.device
    seed: int
    effort: float  # multiplies steps and styles
    photos: Path | None
    steps: int | None = None  # instead of STEPS

    def plan(self, stage: str) -> Plan:
        order = list(STEPS)
        ema = 0.99 if stage in ("eyes", "adapter") else 0.995
        steps = self.steps or max(1, round(STEPS[stage] * self.effort))
        return Plan(steps, RATES[stage], 100 * self.seed + order.index(stage), ema)

    @property
    def data(self) -> tuple[Path, Path]:
        return self.work / "small", self.work / "large"

    def tokenizer(self) -> CLIPTokenizer:
        folder = self.models / "tokenizer"
        return CLIPTokenizer.from_pretrained(folder) if folder.exists() else write_tokenizer(folder)

    def text(self) -> CLIPTextModel:
        folder = self.models / "text_encoder"
        if (folder / "config.json").exists():
            return CLIPTextModel.from_pretrained(folder, torch_dtype=torch.float32).to(self.device)
        return build_text(self.tokenizer()).to(self.device)

    def vae(self) -> AutoencoderKL:
        vae = AutoencoderKL.from_pretrained(self.models / "vae", torch_dtype=torch.float32)
        return vae.eval().to(self.device, memory_format=torch.channels_last)

    def first_state(self, kind: str) -> dict[str, Tensor]:
        """Return a variant's initial state: from this training's joint network, or else the folder's existing variant."""
        joint = self.work / "joint.pt"
        if joint.exists():
            return variant_start(torch.load(joint, map_location="cpu", weights_only=True)["unet"], kind)
        return load_unet(self.models, kind).state_dict()


def make_data(job: TrainingJob) -> None:
    for i, (folder, (size, styles)) in enumerate(zip(job.data, STYLES.values(), strict=True)):
        count = max(1, round(styles * min(1.0, job.effort)))
        render_dataset(folder, size, count, job.seed + i, job.device)


def make_vae(job: TrainingJob) -> None:
    vae = build_vae()
    start_vae(vae)
    train_vae(job.work / "vae.pt", vae, *job.data, job.plan("vae"), job.device, job.photos)
    save_half(vae, job.models / "vae")


def encode_data(job: TrainingJob) -> None:
    vae, tokenizer = job.vae(), job.tokenizer()
    for folder in job.data:
        encode_dataset(folder, vae, tokenizer, job.device)


def make_wider(job: TrainingJob) -> None:
    """Convert the folder's UNet, offsets and IP-Adapter to the widths in `DEMO` and print the change of their outputs."""
    batches = {kind: [probe(kind, job, seed) for seed in range(4)] for kind in ("base", "fc", "fbc")}
    for kind, moved in widen_models(job.models, batches, job.seed).items():
        print(f"widened {kind}: relative difference of the prediction {moved:.1e}", flush=True)


def probe(kind: str, job: TrainingJob, seed: int):
    """Return the prediction for one training batch, as a function of the network."""
    generator = torch.Generator().manual_seed(seed)
    data = LatentSet(job.data[0], torch.device("cpu"))
    x, t, _, _, ids = draw_batch(kind, data, 32, generator, build_scheduler().alphas_cumprod)
    with torch.no_grad():
        hidden = job.text().cpu()(ids).last_hidden_state
    return lambda unet: unet(x, t, hidden).sample


def make_joint(job: TrainingJob) -> None:
    unet, text = build_unet(kind="joint"), build_text(job.tokenizer()).to(job.device)
    start_unet(unet)
    train_unet("joint", job.work / "joint.pt", unet.to(job.device), text, *job.data, job.plan("joint"),
               job.device)
    save_half(text, job.models / "text_encoder")


def make_variant(job: TrainingJob, kind: str) -> None:
    """Train a variant; base is saved as a UNet, fc and fbc as offsets from the folder's base (see save_unets)."""
    state = job.first_state(kind)
    unet = build_unet(kind=kind)
    unet.load_state_dict(state)
    train_unet(kind, job.work / f"{kind}.pt", unet.to(job.device), job.text(), *job.data,
               job.plan(kind), job.device)
    save_unets(job.models, {kind: unet})


def make_adapter(job: TrainingJob) -> None:
    unet = load_unet(job.models).to(job.device, memory_format=torch.channels_last)
    vision, projection = train_adapter(job.work, unet, job.text(), job.tokenizer(), *job.data,
                                       job.plan("eyes"), job.plan("adapter"), job.device)
    save_half(vision, job.models / "image_encoder")
    save_tensors(adapter_state(unet, projection), job.models / "ip-adapter.safetensors")


def run_stage(job: TrainingJob, stage: str, objects: int) -> None:
    makers = {"data": make_data, "vae": make_vae, "encode": encode_data, "widen": make_wider, "joint": make_joint,
              "adapter": make_adapter}
    if stage == "evaluate":
        evaluate.main(["--models", str(job.models), "--out", str(job.work / "evaluation"),
                       "--objects", str(objects), "--device", job.device.type]
                      + (["--photos", str(job.photos)] if job.photos else []))
    elif stage in makers:
        makers[stage](job)
    else:
        make_variant(job, stage)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py train-demo", description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path("outputs/demo-models"), metavar="DIR",
                        help="where the models go; never models/demo itself: copy them when the report is better")
    parser.add_argument("--work", type=Path, default=Path("outputs/training"), metavar="DIR",
                        help="data sets, checkpoints and the evaluation report")
    parser.add_argument("--start", type=Path, default=None, metavar="DIR",
                        help="train these models further instead of making all from nothing, e.g. models/demo")
    parser.add_argument("--only", nargs="+", choices=STAGES, default=None, help="only these stages, in the usual order")
    parser.add_argument("--effort", type=float, default=1.0, help="multiplies the steps and the number of scenes")
    parser.add_argument("--steps", type=int, default=None, help="steps of each stage, instead of effort times the usual number")
    parser.add_argument("--photos", type=Path, default=None, metavar="DIR", help="photographs for the VAE to learn from")
    parser.add_argument("--objects", type=int, default=64, help="held-out objects in the evaluation")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(argv: list[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    if args.start and not args.out.exists():
        shutil.copytree(args.start, args.out)
    args.out.mkdir(parents=True, exist_ok=True)
    save_pipeline_files(args.out)
    job = TrainingJob(args.out, args.work, pick_device(args.device), args.seed, args.effort, args.photos, args.steps)
    skipped = ("vae", "joint") if args.start else ("widen",)
    for stage in args.only or [s for s in STAGES if s not in skipped]:
        run_stage(job, stage, args.objects)
    return 0
