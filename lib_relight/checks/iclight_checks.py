"""What can be said of a light before its job begins; by the job itself, and by those who ask beforehand."""

from __future__ import annotations

from pathlib import Path

from ...lib_iclight import light_map
from ...lib_iclight.params import IcLightParams
from ..base.errors import RelightError
from ..models import iclight_files
from ..request.request import IcLightImages

WEAK_DENOISE = 0.7
"""Below it little of the light in the init latent is left to see."""
SUBJECT_WITHOUT_LIGHT = ("An `ip_adapter` unit asks for the 'subject', but there is no `iclight` in this job; give the unit a "
                         "picture of its own.")
NO_PICTURE = "img2img has no picture; add the subject as the img2img image or as `foreground`."


def check_kind(kind: str, params: IcLightParams, images: IcLightImages) -> None:
    """Whether the model of this kind can do what is asked for."""
    if kind == "fbc" and images.background is None and not light_map.has_light(params):
        raise RelightError("fbc needs a `background`; add one, or choose a `light`, which then serves as background.")
    if kind != "fbc" and images.background is not None:
        raise RelightError(f"`background` is given but the model is {kind}, which takes none; set `model` to 'auto' or "
                           "'fbc', or leave `background` out.")


def check_checkpoint_file(path: Path | None) -> None:
    if path is not None and iclight_files.checkpoint_family(path) == "iclight":
        raise RelightError(iclight_as_checkpoint(path.name))


def iclight_as_checkpoint(name: str) -> str:
    return (f"{name} is an IC-Light file chosen as checkpoint; choose an SD 1.5 checkpoint and leave IC-Light to Relight's "
            "`model`.")


def check_checkpoint(family: str, in_channels: int) -> None:
    if family != "sd15":
        raise RelightError(f"The checkpoint is {family}; IC-Light needs an SD 1.5 checkpoint. Choose one and generate again.")
    if in_channels != 4:
        raise RelightError(f"The checkpoint takes {in_channels} input channels (an inpainting model?); IC-Light needs an "
                           "ordinary SD 1.5 checkpoint with 4.")


def rewrites_start(kind: str, params: IcLightParams, images: IcLightImages) -> bool:
    """True when the light goes into the start of sampling; fbc without a background takes it as the background."""
    return light_map.has_light(params) and not (kind == "fbc" and images.background is None)


def weak_denoise(strength: float) -> str:
    return f"Relight: denoising strength {strength:g} is low for a light; 0.9 to 1 shows it fully."
