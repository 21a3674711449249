"""Requests and states of the host for the tests of the checks, and the sentences that come of them."""

from pathlib import Path

import numpy as np
from decoding import decoded
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.params import IpAdapterParams
from sd_relight.lib_relight.checks.check import PanelImage, check
from sd_relight.lib_relight.checks.messages import Level, State
from sd_relight.lib_relight.models.checkpoint import Checkpoint
from sd_relight.lib_relight.request.ip_adapter_unit import IpUnit
from sd_relight.lib_relight.request.panel_values import PANEL_ORDER
from sd_relight.lib_relight.request.request import IcLightImages, RelightRequest

IMAGE = decoded(Image.new("RGB", (64, 64)))
WHITE = decoded(Image.new("RGB", (64, 64), "white"))
PHOTO = decoded(Image.linear_gradient("L").resize((64, 64)))
CUTOUT = decoded(np.dstack([np.eye(64, dtype=np.uint8) * 255] * 4))
DEMO = Path(__file__).resolve().parents[2] / "models" / "demo"
SD15 = Checkpoint("v1-5.safetensors", "sd15", 4, 16, 768)


def state(is_img2img=False, folders=lambda kind: [DEMO], **known):
    return State(folders, is_img2img, **known)


def sentences(messages, level):
    return [message.sentence for message in messages if message.level == level]


def errors_of(request, state):
    return sentences(check(request, state), Level.ERROR)


def warnings_of(request, state):
    return sentences(check(request, state), Level.WARNING)


def asked(units=(), **fields):
    images = {name: fields.pop(name) for name in ("foreground", "background", "light_map", "mask", "normal_map")
                if name in fields}
    return RelightRequest(IcLightParams(**fields), IcLightImages(**{"foreground": IMAGE, **images}), tuple(units))


def unit(**fields):
    return IpUnit(IpAdapterParams(**{"model": "ip-adapter", **fields}), (IMAGE,))


def panel_values(**changes):
    defaults = {name: None for name in PANEL_ORDER} | {"enabled": True, "iclight": True}
    light = IcLightParams()
    for name in PANEL_ORDER:
        if hasattr(light, name):
            defaults[name] = getattr(light, name)
    for number in range(1, 5):
        defaults |= {f"unit{number}_{name}": getattr(IpAdapterParams(), name) for name in vars(IpAdapterParams())}
        defaults[f"unit{number}_enabled"] = False
    return {**defaults, **changes}


def panel_images(*names):
    return {name: PanelImage() for name in names}
