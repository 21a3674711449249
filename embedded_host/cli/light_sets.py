"""`dev.py sheet`, `sweep` and `normals`: one photograph in several lights, by one job with a set of lights."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, features

from ...lib_iclight.params import params_from_dict
from ...lib_relight.base.errors import RelightError
from .contact_sheet import contact_sheet
from .session import RelitImages, save_image

ANIMATIONS = (".webp", ".gif")
STILLS = (".png", ".jpg", ".jpeg", ".webp")
SHORTEST_FRAME, LONGEST_FRAME = 0.02, 10.0


def fields_of(args: argparse.Namespace) -> dict:
    """Return the `iclight` fields of the command's set. Raises a user error for lights, frames or a file name it cannot use."""
    check_suffix(args.out, ANIMATIONS if args.command == "sweep" else STILLS)
    if args.command == "normals":
        return checked({"set": "normals"})
    if args.command == "sheet":
        return set_of(args.lights)
    if not SHORTEST_FRAME <= 1 / max(args.fps, 1e-9) <= LONGEST_FRAME:
        raise RelightError(f"--fps is {args.fps:g}; it must be from {1 / LONGEST_FRAME:g} to {1 / SHORTEST_FRAME:g}.")
    return checked({**set_of(args.lights), "set": "sweep", "set_frames": args.frames, "set_easing": args.easing,
                    "set_loop": not args.once})


def set_of(names: str) -> dict:
    """Return the fields of an image for each light of "left,right", without a set for a single one."""
    first, *more = light_names(names)
    return checked({"light": first, **({"lights": [{"light": name} for name in more], "set": "lights"} if more else {})})


def checked(fields: Mapping) -> dict:
    params_from_dict(fields)
    return dict(fields)


def light_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise RelightError("--lights is empty; write names with commas, for example left,right,top,bottom.")
    return names


def check_suffix(path: Path, suffixes: Sequence[str]) -> None:
    if path.suffix.lower() not in suffixes:
        raise RelightError(f"-o is {path}; its name must end in {', '.join(suffixes)}.")
    if path.suffix.lower() == ".webp" and not features.check("webp"):
        raise RelightError(f"-o is {path}, but this Pillow cannot write WebP; choose another format.")


def write(args: argparse.Namespace, result: RelitImages) -> None:
    """Write the sheet, the animation or the normal map of a finished set."""
    if args.command == "sheet":
        save_image(contact_sheet(list(zip(light_names(args.lights), result.images, strict=True)), columns=4), args.out)
    elif args.command == "sweep":
        save_animation(result.images, args.out, args.fps, loop=not args.once)
    else:
        save_image(result.added["normal map"], args.out, result.infotexts[0])


def save_animation(frames: Sequence[Image.Image], path: Path, fps: float, loop: bool) -> None:
    """Write frames as animated WebP or GIF, `fps` frames a second, for ever or once."""
    first, *more = [frame.convert("RGB") for frame in frames]
    options = {"quality": 90, "method": 4} if path.suffix.lower() == ".webp" else {"disposal": 2}
    repeat = {"loop": 0} if loop else {} if path.suffix.lower() == ".gif" else {"loop": 1}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        first.save(path, save_all=True, append_images=more, duration=round(1000 / fps), **repeat, **options)
    except (OSError, ValueError) as error:
        raise RelightError(f"{path} could not be written ({error}); choose another folder.") from error
