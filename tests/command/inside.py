"""Runs command lines one after the other in a process of its own (the embedded host is one per process).

Commands with the same models share one loaded host; those in FRESH load it again.

    python inside.py ROOT FOLDER             prints one JSON object: exit code, output, errors and seconds of each
    python inside.py ROOT FOLDER COMMANDS    the same for a JSON object of command lines, without the README's example
"""

import contextlib
import functools
import importlib.util
import io
import json
import re
import sys
import time
import types
from pathlib import Path

ROOT, FOLDER = Path(sys.argv[1]), Path(sys.argv[2])
PHOTO, MATTE, SUNSET = (str(ROOT / "assets" / name) for name in ("astronaut.jpg", "astronaut-matte.png", "sunset.jpg"))
RELIGHT = ["relight", PHOTO, "--mask", MATTE, "--prompt", "an orange clay blob", "--seed", "7", "--device", "cpu"]

COMMANDS = {
    "demo": ["demo", "--out", str(FOLDER / "demo"), "--light", "left", "--light", "right", "--steps", "4"],
    "light": [*RELIGHT, "--steps", "2", "--light", "left", "-o", str(FOLDER / "left.png")],
    "again": [*RELIGHT, "--steps", "2", "--light", "left", "-o", str(FOLDER / "again.png")],
    "hires": [*RELIGHT, "--steps", "2", "--light", "top", "--hires", "1.5", "--size", "128x128", "-o", str(FOLDER / "hires.jpg")],
    "angle": [*RELIGHT, "--steps", "2", "--light", "angle", "--set", "light_angle=30", "--set", "light_color=#ffb46b", "--size",
              "128x128", "-o", str(FOLDER / "angle.png")],
    "sunset": [*RELIGHT, "--steps", "2", "--background", SUNSET, "--size", "128x192",
               "--set", "detail=1", "--set", "color_hold=0.5", "-o", str(FOLDER / "sunset.png")],
    "no mask": ["relight", PHOTO, "--light", "left", "--steps", "1", "--device", "cpu", "-o", str(FOLDER / "no-mask.png")],
    **{name: [name, *RELIGHT[1:], "--steps", "2", "--size", "128x128", "-o", str(FOLDER / file), *more] for name, file, more in [
        ("sheet", "sheet.jpg", ["--lights", "left,right"]),
        ("sweep", "sweep.webp", ["--lights", "left,right", "--frames", "3", "--fps", "10"]),
        ("normals", "normals.png", ["--bits", "16", "--y", "directx"])]},
    "no checkpoint": [*RELIGHT, "--light", "left", "--models", str(FOLDER / "empty"), "-o", str(FOLDER / "no.png")],
    "bad checkpoint": [*RELIGHT, "--light", "left", "--models", str(FOLDER / "html"), "-o", str(FOLDER / "no.png")],
}
FRESH = ("again",)


def run(main, arguments):
    out, err = io.StringIO(), io.StringIO()
    began = time.monotonic()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "seconds": round(time.monotonic() - began, 1)}


def readme_example():
    """The README's HTTP example, as printed there, against a real server."""
    from sd_relight.embedded_host.cli.session import Session
    from sd_relight.embedded_host.page.server import ServerThread

    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)[1]
    Session()
    server = ServerThread(ui=False)
    server.start()
    example = example.replace("http://127.0.0.1:7860", server.url).replace('"assets/', f'"{ROOT}/assets/')
    example = example.replace('"steps": 12', '"steps": 2').replace('"relit.png"', repr(str(FOLDER / "readme.png")))
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    return {"infotexts": json.loads(names["answer"]["info"])["infotexts"], "images": len(names["answer"]["images"])}


def main():
    sys.modules["sd_relight"] = types.ModuleType("sd_relight")
    sys.modules["sd_relight"].__path__ = [str(ROOT)]
    spec = importlib.util.spec_from_file_location("dev", ROOT / "dev.py")
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)
    from sd_relight.embedded_host.cli import cli, demo

    cli.Session = demo.Session = loaded = functools.cache(cli.Session)
    commands = json.loads(sys.argv[3]) if len(sys.argv) > 3 else COMMANDS
    answer = {}
    for name, words in commands.items():
        if name in FRESH:
            loaded.cache_clear()
        answer[name] = run(lambda words: cli.main(dev.parser().parse_args(words)), words)
    if commands is COMMANDS:
        answer["readme"] = readme_example()
    print("\n" + json.dumps(answer))


main()
