"""Renders training images and encodes their latents on disk, chunk by chunk, so that a stopped run can resume.

A folder holds target.npy, foreground.npy, background.npy (uint8 [N, H, W, 3]), scenes.json and, once encoded,
latents.npy (float16 [N, 3, 4, H/8, W/8] in that order), ramps.npy (float16 [72, 4, H/8, W/8], one light gradient per
5 degrees) and tokens.npy (int16 [N, PROMPTS, 77]). Scene i belongs to style i // PER_STYLE.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .devices import Progress
from .latents import encode
from .rendering import light_ramp, render, to_uint8
from .scenes import COLOUR_NAMES, Scene, prompt_for, sample_scene, sample_style

PER_STYLE = 4
PROMPTS = 4
CHUNK_STYLES = 16
KINDS = ("target", "foreground", "background")
RAMP_STEP = 5  # degrees


def chunk_scenes(seed: int, chunk: int) -> tuple[list[Scene], list[dict]]:
    """Return the scenes of one chunk and their prompts; determined by the two numbers alone."""
    rng = np.random.default_rng((seed, chunk))
    scenes = []
    for _ in range(CHUNK_STYLES):
        style = sample_style(rng)
        scenes += [sample_scene(rng, style) for _ in range(PER_STYLE)]
    notes = [{"angle": round(s.angle, 2), "colour": COLOUR_NAMES[s.style.colour],
              "prompts": [prompt_for(s, rng) for _ in range(PROMPTS)]} for s in scenes]
    return scenes, notes


def read_json(path: Path, default):
    return json.loads(path.read_text()) if path.exists() else default


def open_array(path: Path, dtype: type, shape: tuple[int, ...]) -> np.ndarray:
    """Open a memory-mapped array, with the values of an earlier run if its shape is the same."""
    if path.exists() and np.load(path, mmap_mode="r").shape == shape:
        return np.load(path, mmap_mode="r+")
    return np.lib.format.open_memmap(path, "w+", dtype, shape)


def render_dataset(folder: Path, size: int, styles: int, seed: int, device: torch.device) -> None:
    """Render `styles` styles (rounded up to whole chunks) of `size` pixels into `folder`; skips existing chunks."""
    folder.mkdir(parents=True, exist_ok=True)
    chunks = -(-styles // CHUNK_STYLES)
    per_chunk = CHUNK_STYLES * PER_STYLE
    state = read_json(folder / "rendered.json", {})
    plan = {"seed": seed, "size": size, "chunks": chunks}
    done = state.get("done", 0) if {k: state.get(k) for k in plan} == plan else 0
    arrays = {k: open_array(folder / f"{k}.npy", np.uint8, (chunks * per_chunk, size, size, 3)) for k in KINDS}
    notes = read_json(folder / "scenes.json", [])[:done * per_chunk]
    progress = Progress(f"render {folder.name}", chunks)
    for chunk in range(done, chunks):
        scenes, about = chunk_scenes(seed, chunk)
        notes += about
        rows = slice(chunk * per_chunk, (chunk + 1) * per_chunk)
        renders = render(scenes, size, device)
        for kind in KINDS:
            arrays[kind][rows] = to_uint8(getattr(renders, kind))
        if chunk % 8 == 7 or chunk + 1 == chunks:
            for array in arrays.values():
                array.flush()
            (folder / "scenes.json").write_text(json.dumps(notes))
            (folder / "rendered.json").write_text(json.dumps({**plan, "done": chunk + 1}))
        progress.show(chunk + 1)


def to_tensor(images: np.ndarray, device: torch.device) -> Tensor:
    """Convert uint8 [B, H, W, 3] to float32 [B, 3, H, W], 0..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).to(device).permute(0, 3, 1, 2).float() / 255


def encode_dataset(folder: Path, vae, tokenizer, device: torch.device) -> None:
    """Write latents.npy, ramps.npy and tokens.npy; resumes as long as the VAE is the same."""
    targets = np.load(folder / "target.npy", mmap_mode="r")
    count, size = len(targets), targets.shape[1]
    plan = {"count": count, "vae": sum(float(p.detach().double().abs().sum()) for p in vae.parameters())}
    state = read_json(folder / "encoded.json", {})
    done = state.get("done", 0) if {k: state.get(k) for k in plan} == plan else 0
    if not done:
        angles = range(0, 360, RAMP_STEP)
        np.save(folder / "ramps.npy", torch.cat([encode(vae, light_ramp(a, size).to(device)) for a in angles]).half().cpu())
        write_tokens(folder, tokenizer)
    out = open_array(folder / "latents.npy", np.float16, (count, 3, 4, size // 8, size // 8))
    sources = [np.load(folder / f"{k}.npy", mmap_mode="r") for k in KINDS]
    progress = Progress(f"encode {folder.name}", count)
    step = 16
    for at in range(done, count, step):
        for k, source in enumerate(sources):
            out[at:at + step, k] = encode(vae, to_tensor(source[at:at + step], device)).half().cpu().numpy()
        if at // step % 16 == 15 or at + step >= count:
            out.flush()
            (folder / "encoded.json").write_text(json.dumps({**plan, "done": min(at + step, count)}))
        progress.show(min(at + step, count))


def write_tokens(folder: Path, tokenizer) -> None:
    prompts = [p for note in read_json(folder / "scenes.json", []) for p in note["prompts"]]
    tokens = tokenizer(prompts, padding="max_length", max_length=77, truncation=True).input_ids
    np.save(folder / "tokens.npy", np.array(tokens, dtype=np.int16).reshape(-1, PROMPTS, 77))


class LatentSet:
    """One encoded data set in memory on `device`; latents stay float16 until they are drawn."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        def load(name: str) -> Tensor:
            return torch.from_numpy(np.load(folder / f"{name}.npy")).to(device)

        self.latents, self.ramps, self.tokens = load("latents"), load("ramps"), load("tokens").long()
        self.notes = read_json(folder / "scenes.json", [])
        angles = torch.tensor([note["angle"] for note in self.notes], device=device)
        self.ramp_of = (angles / RAMP_STEP).round().long() % len(self.ramps)

    def __len__(self) -> int:
        return len(self.latents)

    def draw(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return target, foreground and background latents of these rows, float32 [B, 4, h, w] each."""
        return self.latents[rows].float().unbind(1)
