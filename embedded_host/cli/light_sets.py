"""`dev.py sheet`, `sweep` and `normals`: one photograph in several lights, by one job with a set of lights."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import features

from ...lib_iclight.params import ANIMATIONS, params_from_dict
from ...lib_relight.base.errors import RelightError
from ...lib_relight.hosts.contact_sheet import plain_sheet
from ...lib_relight.packages import exr, video
from .session import RelitImages, save_image

STILLS = (".png", ".jpg", ".jpeg", ".webp")
PRECISE = ("normal map 16 bit", "normal map float")
HANDED_OVER = {"cut-out", "layers", *(f"{name} {kind}" for name in ("matte", "light map") for kind in ("16 bit", "float"))}
"""Names of the files that `output` adds to one image."""
SHORTEST_FRAME, LONGEST_FRAME = 0.02, 10.0


def fields_of(args: argparse.Namespace) -> dict:
    """Return the `iclight` fields of the command's set. Raises a user error for lights, frames or a file name it cannot use."""
    suffix = args.out.suffix.lower()
    if args.command == "sheet":
        check_suffix(args.out, STILLS)
        return set_of(args.lights)
    if args.command == "normals":
        check_suffix(args.out, (*STILLS, ".exr"))
        if args.bits == 16 and suffix not in (".png", ".exr"):
            raise RelightError(f"-o is {args.out}, which cannot hold 16 bits; choose .png or .exr.")
        return checked({"set": "normals", "set_normals_y": args.y,
                        "set_normals_file": "exr" if suffix == ".exr" else "png16" if args.bits == 16 else "none"})
    check_suffix(args.out, [f".{kind}" for kind in ANIMATIONS if kind != "none"])
    if not SHORTEST_FRAME <= 1 / max(args.fps, 1e-9) <= LONGEST_FRAME:
        raise RelightError(f"--fps is {args.fps:g}; it must be from {1 / LONGEST_FRAME:g} to {1 / SHORTEST_FRAME:g}.")
    return checked({**set_of(args.lights), "set": "sweep", "set_frames": args.frames, "set_easing": args.easing,
                    "set_loop": not args.once, "set_file": suffix.removeprefix("."), "set_fps": args.fps,
                    "set_blend": args.blend})


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
    messages = {".mp4": video.missing(), ".exr": exr.missing("set_normals_file")}
    if message := messages.get(path.suffix.lower()):
        raise RelightError(message)


def write(args: argparse.Namespace, result: RelitImages) -> None:
    """Write the sheet, the animation or the normal map of a finished set."""
    if args.command == "sheet":
        save_image(plain_sheet(list(zip(light_names(args.lights), result.images, strict=True)), columns=4), args.out)
    elif args.command == "sweep":
        write_bytes(result.added["sweep"].data, args.out)
    else:
        precise = [image for name, image in result.added.items() if name in PRECISE]
        if precise:
            write_bytes(precise[0].data, args.out)
        else:
            save_image(result.added["normal map"], args.out, result.infotexts[0])


def write_bytes(data: bytes, path: Path) -> None:
    """Write a file. Raises RelightError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise RelightError(f"{path} could not be written ({error}); choose another folder.") from error
