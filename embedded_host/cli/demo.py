"""`dev.py demo`: the photograph that ships with the project, relit by the real script on the embedded host."""

from __future__ import annotations

import os
import socket
import sys
import time
import webbrowser
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from ...lib_iclight.light_kinds import DIRECTIONS
from ...lib_iclight.light_setups import SETUPS
from ...lib_relight.request.images import open_file
from ...lib_relight.base.errors import RelightError
from ...lib_relight.hosts.contact_sheet import plain_sheet
from .job_spec import RelightJobSpec, fit_size, join_words
from .session import ROOT, RelitImage, Session, defaults, describe_models, is_tiny, native_side, save_image

LIGHTS = ("left", "right", "top", "bottom")
NAMED_LIGHTS = (*DIRECTIONS, "ambient", *SETUPS)
PHOTO, MATTE, BACKGROUND = (ROOT / "assets" / name for name in ("astronaut.jpg", "astronaut-matte.png", "sunset.jpg"))
PROMPT = "a portrait of an astronaut in an orange suit"
REPAIRED = {"detail": 1.0, "detail_sigma": 6.0, "color_hold": 0.7}
REPAIRED_NOTE = ("photo: the networks give the light; the photograph's own detail and colours are put back with `detail` 1 and "
                 "`color_hold`.")
NETWORKS_ONLY_NOTE = "       What the networks alone make of it is the image `networks only`."
TINY_PROMPT, OBJECT_PROMPT = "an orange clay blob, neutral light", "an orange clay ball, neutral light"


def serve_page(args) -> int:
    """Serves the page until Ctrl+C; prints its address, and opens a browser, once it answers. Returns the exit code."""
    from ..page.server import ServerThread

    check_port(args.port)
    session = Session(args.models, args.device)
    print(f"models: {describe_models(session.models)}", flush=True)
    with ServerThread(args.port) as server:
        print(f"open {server.url}  (Ctrl+C ends it)", flush=True)
        if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            webbrowser.open(server.url)
        server.thread.join()
    return 0


def check_port(port: int) -> None:
    """Raises RelightError when the page could not be served there, before any model is loaded."""
    with socket.socket() as probe:
        if os.name != "nt":  # as the server does: connections of an earlier one do not block the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise RelightError(f"--port {port} cannot be used ({error}); choose another one.") from error


def rendered_object(size: int) -> tuple[Image.Image, Image.Image]:
    """(image on grey, matte) of a clay object that the tiny models were not trained on."""
    from ...training.rendering import held_out_scenes, render, to_uint8

    images = render(held_out_scenes(1), size)
    image = to_uint8(images.foreground)[0]
    matte = (images.alpha[0, 0].clamp(0, 1) * 255).round().byte().numpy()
    return Image.fromarray(image), Image.fromarray(matte)


def bright_side(image: Image.Image, matte: Image.Image) -> str:
    """Which side of the subject is brighter, and by how many grey levels of 255: "left +31, top +4"."""
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    inside = np.asarray(matte.convert("L").resize(image.size, Image.LANCZOS)) > 127
    middle_y, middle_x = (int(np.median(axis)) for axis in np.nonzero(inside))
    x, y = np.arange(image.width)[None, :], np.arange(image.height)[:, None]
    across = grey[inside & (x < middle_x)].mean() - grey[inside & (x > middle_x)].mean()
    down = grey[inside & (y < middle_y)].mean() - grey[inside & (y > middle_y)].mean()
    return f"{'left' if across > 0 else 'right'} +{abs(across):.0f}, {'top' if down > 0 else 'bottom'} +{abs(down):.0f}"


def plan(args, models: Path) -> list[tuple[str, RelightJobSpec, Image.Image]]:
    """(title, spec, matte) for every image: the rendered object where the models are tiny, then the photograph."""
    side, tiny = native_side(models), is_tiny(models)
    lights = args.light or list(LIGHTS)
    given = {"seed": args.seed, **({"steps": args.steps} if args.steps else {})}
    specs = []
    if tiny:
        image, matte = rendered_object(side)
        clay = RelightJobSpec(image, (side, side), mask=matte, **{**defaults(models, OBJECT_PROMPT), **given})
        specs += [(f"object, {light}", with_light(clay, light), matte) for light in lights]
    photo, matte = open_file(PHOTO, "photo"), open_file(MATTE, "mask")
    words = defaults(models, TINY_PROMPT if tiny else PROMPT)
    bare = RelightJobSpec(photo, fit_size(photo.size, side), mask=matte, **{**words, **given})
    portrait = replace(bare, more=REPAIRED) if tiny else bare
    specs += [(f"photo, {light}", with_light(portrait, light), matte) for light in lights]
    if tiny:
        specs.append(("photo, networks only", with_light(bare, lights[0]), matte))
    if args.light is None:
        warm = {**REPAIRED, "color_hold": 0.3} if tiny else {}  # the scene's own colour is part of its light
        sunset = replace(bare, background=open_file(BACKGROUND, "background"), more=warm)
        specs.append(("photo, on sunset", sunset, matte))
    return specs


def with_light(spec: RelightJobSpec, light: str) -> RelightJobSpec:
    words = f"{light} light" if light in SETUPS else f"light from the {light}"
    return replace(spec, light=light, prompt=join_words(spec.prompt, words))


def run(args) -> int:
    """Makes, saves and times every image. Returns the exit code."""
    if args.ui:
        return serve_page(args)
    began = time.monotonic()
    session = Session(args.models, args.device)
    loaded = time.monotonic() - began
    note = f"\n{REPAIRED_NOTE}\n{NETWORKS_ONLY_NOTE}" if is_tiny(session.models) else ""
    print(f"models: {describe_models(session.models)}{note}\ndevice: {session.device}", flush=True)
    out = args.out.resolve()
    rows, cells, seen, moments = [], [], [], []
    for title, spec, matte in plan(args, session.models):
        photo = session.run(title, spec)
        save_image(photo.image, out / f"{title.replace(', ', '-').replace(' ', '-')}.png", photo.infotext)
        moments.append(time.monotonic() - began)
        rows.append((photo, bright_side(photo.image, matte)))
        if spec.photo not in seen:
            seen.append(spec.photo)
            cells.append((f"{title.split(',')[0]}, as it is", spec.photo))
        if spec.background is not None:
            cells.append(("background, as it is", spec.background))
        cells.append((title, photo.image))
    sheet = out / "contact-sheet.jpg"
    save_image(plain_sheet(cells, columns=5), sheet)
    print(timings(rows, {"loading the models": loaded, "first relit image after": moments[0],
                         "in all": time.monotonic() - began}))
    print(f"images: {out}\ncontact sheet: {sheet}")
    return 0


def timings(rows: list[tuple[RelitImage, str]], seconds: dict[str, float]) -> str:
    lines = [f"\n{'image':<22}{'size':>10}{'seconds':>9}   brighter side of the subject, grey levels"]
    lines += [f"{photo.title:<22}{'x'.join(map(str, photo.image.size)):>10}{photo.seconds:9.1f}   {side}"
              for photo, side in rows]
    return "\n".join([*lines, *(f"{name:<32}{value:9.1f}" for name, value in seconds.items())])


def check_lights(lights) -> None:
    """Raises RelightError for a light that needs more than its name, before any model is loaded."""
    for light in lights or []:
        if light not in NAMED_LIGHTS:
            raise RelightError(f"--light is {light!r}; choose one of {', '.join(NAMED_LIGHTS)}.")
