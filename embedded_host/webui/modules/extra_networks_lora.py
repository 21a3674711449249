"""`<lora:name:weight>`, `<lora:name:text weight:unet weight>` or te= and unet=; files in Lora/ of the model folder."""

import os
import re

from backend import utils
from modules import extra_networks, paths, shared

FOLDERS = ("Lora", "lora", "loras")
ROLES = {"lora_up.weight": "up", "lora_down.weight": "down", "lora_mid.weight": "mid", "alpha": "alpha",
         "lora_B.weight": "up", "lora_A.weight": "down", "lora.up.weight": "up", "lora.down.weight": "down"}
TEXT_PREFIXES = ("lora_te_", "lora_te1_", "text_encoder.")
UNET_PREFIXES = ("lora_unet_", "unet.")
_files = {}


def find_file(name):
    """Path of name.safetensors, or None."""
    for folder in FOLDERS:
        for root, _, files in os.walk(os.path.join(paths.models_path, folder)):
            for file in sorted(files):
                if file.endswith(".safetensors") and os.path.splitext(file)[0] == name:
                    return os.path.join(root, file)
    return None


def load_patches(path, model):
    """({unet key: ("lora", …)}, {text encoder key: …}, names in the file that fit neither)."""
    targets = _targets(model)
    layers, unknown = {}, set()
    for key, tensor in utils.load_torch_file(path).items():
        role = next((ending for ending in ROLES if key.endswith("." + ending)), None)
        layer = key[:-len(role) - 1] if role else key
        if role is None or _normal(layer) not in targets:
            unknown.add(layer)
        else:
            layers.setdefault(targets[_normal(layer)], {})[ROLES[role]] = tensor
    unet, text = {}, {}
    for (kind, key), parts in layers.items():
        alpha = parts["alpha"].item() if "alpha" in parts else None
        value = ("lora", (parts["up"], parts["down"], alpha, parts.get("mid"), None))
        (unet if kind == "unet" else text)[key] = value
    return unet, text, unknown


def _normal(layer):
    return re.sub(r"[._]", "_", layer)


def _targets(model):
    """{flat name as LoRA files write it: ("unet" | "text", parameter name)}."""
    targets = {}
    for name, ldm in model.forge_objects.unet.model.diffusion_model.names.items():
        for spelling in (name, ldm):
            for prefix in UNET_PREFIXES:
                targets[_normal(prefix + spelling)] = ("unet", f"diffusion_model.{ldm}.weight")
    for name, _ in model.forge_objects.clip.cond_stage_model.named_modules():
        if name.startswith("transformer."):
            for prefix in TEXT_PREFIXES:
                targets[_normal(prefix + name[len("transformer."):])] = ("text", f"{name}.weight")
    return targets


def _cached(path, model):
    identity = (path, os.stat(path).st_mtime_ns, os.path.getsize(path), model.filename)
    if identity not in _files:
        if len(_files) >= 4:
            _files.pop(next(iter(_files)))
        _files[identity] = load_patches(path, model)
    return str(identity[:3]), _files[identity]


class ExtraNetworkLora(extra_networks.ExtraNetwork):
    def __init__(self):
        super().__init__("lora")

    def activate(self, p, params_list):
        """Set forge_objects_after_applying_lora to clones with these LoRAs' patches; nothing is merged yet."""
        model = shared.sd_model
        wanted = [entry for entry in (self._resolve(p, params) for params in params_list) if entry]
        state = str([(path, os.stat(path).st_mtime_ns, weights) for path, *weights in wanted])
        if state == model.current_lora_hash:
            return
        objects = model.forge_objects_original.shallow_copy()
        for path, unet_weight, text_weight in wanted:
            self._add(p, model, objects, path, unet_weight, text_weight)
        model.forge_objects_after_applying_lora = objects
        model.forge_objects = objects.shallow_copy()
        model.current_lora_hash = state

    def _resolve(self, p, params):
        name, *weights = params.positional
        te = float(params.named.get("te", weights[0] if weights else 1.0))
        unet = float(params.named.get("unet", weights[1] if len(weights) > 1 else te))
        path = find_file(name)
        if path is None:
            p.comment(f"LoRA not found: {name}. Put {name}.safetensors into {os.path.join(paths.models_path, 'Lora')}.")
            return None
        return path, unet, te

    def _add(self, p, model, objects, path, unet_weight, text_weight):
        identity, (unet, text, unknown) = _cached(path, model)
        if unknown:
            p.comment(f"{os.path.basename(path)}: {len(unknown)} layers do not fit this checkpoint "
                      f"(first: {min(unknown)}) and are left out.")
        objects.unet, objects.clip = objects.unet.clone(), objects.clip.clone()
        objects.unet.add_patches(filename=identity, patches=unet, strength_patch=unet_weight)
        objects.clip.add_patches(filename=identity, patches=text, strength_patch=text_weight)

    def deactivate(self, p):
        pass
