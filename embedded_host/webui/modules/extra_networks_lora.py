"""LoRA files by name: `<lora:name:weight>`, `<lora:name:text:unet>`, or te= and unet=. Needed by: embedded_host/host.py, the API.

Files lie in Lora/ of the model folder, in kohya's or PEFT's names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from modules import paths, shared
from modules.extra_networks import ExtraNetworkParams
from safetensors.torch import load_file

FOLDERS = ("Lora", "lora", "loras")
ROLES = {"lora_up.weight": "up", "lora_down.weight": "down", "lora_mid.weight": "mid", "alpha": "alpha",
         "lora_B.weight": "up", "lora_A.weight": "down", "lora.up.weight": "up", "lora.down.weight": "down"}
TEXT_PREFIXES = ("lora_te_", "lora_te1_", "text_encoder.")
UNET_PREFIXES = ("lora_unet_", "unet.")


class LoraFile(NamedTuple):
    """Patches by parameter name for the UNet and the text encoder; unknown: layers of the file that fit neither."""

    unet: dict[str, tuple]
    text: dict[str, tuple]
    unknown: set[str]


class Wanted(NamedTuple):
    """One LoRA of a prompt with its strengths; changed: the file's time of change, in ns."""

    path: Path
    changed: int
    unet: float
    text: float


def find_file(name: str) -> Path | None:
    """Return the path of name.safetensors, or None."""
    for folder in FOLDERS:
        found = sorted(Path(paths.models_path, folder).rglob("*.safetensors"))
        for file in found:
            if file.stem == name:
                return file
    return None


@lru_cache(maxsize=4)
def load_lora(path: Path, changed: int, model: Any) -> LoraFile:
    """Read a file as patches of the model. changed: part of the cache's key."""
    targets = target_names(model)
    layers: dict[tuple[str, str], dict[str, Any]] = {}
    unknown = set()
    for key, tensor in load_file(path).items():
        ending = next((ending for ending in ROLES if key.endswith(f".{ending}")), None)
        layer = key.removesuffix(f".{ending}")
        target = targets.get(flat(layer)) if ending else None
        if target is None:
            unknown.add(layer)
        else:
            layers.setdefault(target, {})[ROLES[ending]] = tensor
    patches: dict[str, dict[str, tuple]] = {"unet": {}, "text": {}}
    for (part, name), tensors in layers.items():
        alpha = tensors["alpha"].item() if "alpha" in tensors else None
        patches[part][name] = "lora", (tensors["up"], tensors["down"], alpha, tensors.get("mid"))
    return LoraFile(patches["unet"], patches["text"], unknown)


def flat(layer: str) -> str:
    return layer.replace(".", "_")


def target_names(model: Any) -> dict[str, tuple[str, str]]:
    """Return {flat name as LoRA files write it: ("unet" | "text", parameter name)}."""
    targets = {}
    for name, ldm in model.model.diffusion_model.names.items():
        for spelling in (name, ldm):
            targets |= {flat(prefix + spelling): ("unet", f"diffusion_model.{ldm}.weight") for prefix in UNET_PREFIXES}
    for name, _ in model.forge_objects.clip.cond_stage_model.named_modules():
        if match := re.fullmatch(r"transformer\.(.+)", name):
            layer = f"text_model.{match[1].removeprefix('text_model.')}"  # transformers 5 has no such module
            targets |= {flat(prefix + layer): ("text", f"{name}.weight") for prefix in TEXT_PREFIXES}
    return targets


class ExtraNetworkLora:
    name = "lora"

    def activate(self, p: Any, params_list: list[ExtraNetworkParams]) -> None:
        """Start the passes of this batch from clones with these LoRAs' patches; nothing is merged yet."""
        model = shared.sd_model
        wanted = [entry for params in params_list if (entry := self._resolve(p, params))]
        if wanted == model.current_loras:
            return
        parts = model.forge_objects_original.shallow_copy()
        for entry in wanted:
            self._add(p, parts, entry)
        model.use_parts(parts)
        model.current_loras = wanted

    def _resolve(self, p: Any, params: ExtraNetworkParams) -> Wanted | None:
        name, *weights = params.positional
        text = float(params.named.get("te", weights[0] if weights else 1.0))
        unet = float(params.named.get("unet", weights[1] if len(weights) > 1 else text))
        path = find_file(name)
        if path is None:
            p.comment(f"LoRA not found: {name}. Put {name}.safetensors into {Path(paths.models_path, 'Lora')}.")
            return None
        return Wanted(path, path.stat().st_mtime_ns, unet, text)

    def _add(self, p: Any, parts: Any, entry: Wanted) -> None:
        lora = load_lora(entry.path, entry.changed, shared.sd_model)
        if lora.unknown:
            p.comment(f"{entry.path.name}: {len(lora.unknown)} layers do not fit this checkpoint "
                      f"(first: {min(lora.unknown)}) and are left out.")
        parts.unet, parts.clip = parts.unet.clone(), parts.clip.clone()
        content = f"{entry.path} {entry.changed}"
        parts.unet.add_patches(filename=content, patches=lora.unet, strength_patch=entry.unet)
        parts.clip.patcher.add_patches(filename=content, patches=lora.text, strength_patch=entry.text)
