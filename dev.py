#!/usr/bin/env python3
"""Relight without a WebUI: one file, the standard library only, that sets up all it needs.

    python dev.py demo                                   relight the photograph that ships with the project
    python dev.py relight PHOTO --light left -o OUT      relight yours
    python dev.py sheet PHOTO -o OUT.jpg                 it in several lights, on one sheet
    python dev.py sweep PHOTO -o OUT.webp                it under a moving light
    python dev.py normals PHOTO -o OUT.png               its normal map
    python dev.py batch FOLDER --out DIR                 every image of a folder
    python dev.py models                                 model files: list; get NAME; check [DIR]
    python dev.py test                                   everything that CI runs
    python dev.py bench                                  the project's figures, measured here
    python dev.py verify --models DIR                    compare with the original's pipeline on your model files
    python dev.py evaluate                               how near relit images are to the true ones

Environments are made under .relight/ (ignored by git), once for each content of the requirement files.
RELIGHT_TORCH overrides what pip is asked for instead of torch==2.13.0, e.g. a CUDA or a CPU wheel.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if sys.version_info < (3, 10):  # noqa: UP036 -- older ones still parse this far
    sys.exit(f"Relight needs Python 3.10 or newer, this is {sys.version.split()[0]}. Start it with: python3.11 dev.py")
sys.path.insert(0, str(ROOT / "devtools"))

import environments  # noqa: E402
import processes  # noqa: E402
import testing  # noqa: E402

INSIDE = "RELIGHT_INSIDE"
TRAINING = {"train-demo": "train"}
"""Commands whose options are the training module's own."""
LARGEST_SEED = 2**63 - 1
PHOTOGRAPHS = 6
"""Photographs of verify: the one that ships with the project and those of benchmarks/photographs.json."""


def seed_number(text):
    """A seed that the random generators take. Raises argparse.ArgumentTypeError."""
    try:
        seed = int(text)
    except ValueError:
        seed = None
    if seed is None or not -1 <= seed <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from -1 to {LARGEST_SEED}")
    return seed


def add_common(parser):
    parser.add_argument("--models", type=Path, metavar="DIR",
                        help="a diffusers folder or a folder with a single-file SD1.5 checkpoint, and IC-Light files "
                             "(default: the tiny models/demo)")
    parser.add_argument("--device", default="auto", help="auto (CUDA, MPS, CPU in this order), cuda, cuda:1, mps, cpu")
    parser.add_argument("--seed", type=seed_number, default=12345, help="-1 takes one at random")
    parser.add_argument("--steps", type=int, default=None, help="sampling steps that are really run")


def add_demo(commands):
    demo = commands.add_parser("demo", help="relight the photograph that ships with the project")
    demo.add_argument("--out", type=Path, default=Path("outputs/demo"), metavar="DIR", help="where the images go")
    demo.add_argument("--light", action="append", metavar="NAME",
                      help="only this light; may be given several times (default: left, right, top, bottom)")
    demo.add_argument("--ui", action="store_true", help="open the page with the accordion instead")
    demo.add_argument("--port", type=int, default=7860, help="port of the page")
    add_common(demo)


def add_photo(parser, out, prompt_help="what the image shows"):
    """The arguments of the commands that relight one photograph."""
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="OUT", help=out)
    parser.add_argument("--mask", type=Path, metavar="M", help="white where the subject is")
    add_job(parser, prompt_help)


def add_job(parser, prompt_help="what the image shows"):
    """The options of a job."""
    parser.add_argument("--prompt", default="", help=prompt_help)
    parser.add_argument("--negative", default=None, help="what it must not show (default: the original's words)")
    parser.add_argument("--background", type=Path, metavar="B", help="put the subject on this image (fbc model)")
    parser.add_argument("--cfg", type=float, default=2.0, help="CFG scale")
    parser.add_argument("--denoise", type=float, default=None, help="0..1 (default 0.95 with a light)")
    parser.add_argument("--hires", type=float, default=None, metavar="FACTOR", help="a second pass, e.g. 1.5")
    parser.add_argument("--set", action="append", metavar="FIELD=VALUE",
                        help="any other field of docs/API.md, e.g. --set light_angle=30 or --set detail=0.5; may be repeated")
    parser.add_argument("--size", default=None, metavar="WxH", help="size of the first pass (default: from the photo)")
    add_common(parser)


def add_relight(commands):
    relight = commands.add_parser("relight", help="relight a photograph of yours")
    relight.add_argument("--light", default="none", metavar="NAME",
                         help="one of `light` in docs/API.md: left, top-right, ambient, spot, ... (default: none)")
    add_photo(relight, "the image to write", "what the image shows, and in what light")


def add_sets(commands):
    sheet = commands.add_parser("sheet", help="a photograph in several lights on one labelled sheet")
    sheet.add_argument("--lights", default="left,right,top,bottom", metavar="NAMES", help="names with commas")
    add_photo(sheet, "the sheet to write: .png, .jpg or .webp")
    sweep = commands.add_parser("sweep", help="a photograph under a moving light, as an animation")
    sweep.add_argument("--lights", default="left,top,right,bottom", metavar="NAMES", help="the lights it moves through")
    sweep.add_argument("--frames", type=int, default=24, help="2 to 240")
    sweep.add_argument("--fps", type=float, default=12.0, help="frames a second")
    sweep.add_argument("--easing", choices=("linear", "smooth"), default="linear")
    sweep.add_argument("--blend", type=float, default=0.0, help="0..1, mix each frame's light map with its neighbours'")
    sweep.add_argument("--once", action="store_true", help="end at the last light instead of returning to the first")
    add_photo(sweep, "the animation to write: .webp, .gif, or .mp4 with the package av or imageio-ffmpeg")
    normals = commands.add_parser("normals", help="the normal map of a photograph's subject")
    normals.add_argument("--y", choices=("opengl", "directx"), default="opengl", help="direction of the map's green: up or down")
    normals.add_argument("--bits", type=int, choices=(8, 16), default=8, help="bits a channel of a .png")
    add_photo(normals, "the map to write: .png, .jpg, .webp, or .exr with the package OpenEXR")


def place(text):
    """A folder of this machine, or a URI as it is."""
    return text if "://" in text else Path(text)


def add_batch(commands):
    batch = commands.add_parser("batch", help="relight every image of a folder; a stopped run goes on where it was")
    batch.add_argument("folder", type=place, metavar="FOLDER", help="images, in sub-folders as well; a URI with --ray")
    batch.add_argument("--out", type=place, required=True, metavar="DIR", help="where the images and manifest.jsonl go")
    batch.add_argument("--ray", nargs="?", const="", metavar="ADDRESS", help="run on a Ray cluster, without ADDRESS on one that "
                       "is started here for the while; needs ray[data], which is installed when it is missing")
    batch.add_argument("--workers", type=int, metavar="N", help="with --ray: processes that hold the models (default: one "
                       "for each GPU, else one for every four processors)")
    batch.add_argument("--lights", default="left", metavar="NAMES", help="names with commas, an image for each")
    batch.add_argument("--masks", type=place, metavar="DIR", help="masks with the images' paths and names")
    add_job(batch)


def add_test(commands):
    test = commands.add_parser("test", help="everything that CI runs")
    test.add_argument("-k", dest="expression", metavar="EXPR", help="only tests that match, as pytest's -k")
    test.add_argument("--env", choices=sorted(environments.PINS), help="only with this host's pins (default: all)")
    test.add_argument("--webui", type=Path, metavar="PATH", help="run the contract on this real WebUI checkout too")
    test.add_argument("--skip", action="append", default=[], metavar="ROOM",
                      help="leave out this folder of tests/, e.g. browser; may be repeated")
    test.add_argument("paths", nargs="*", help="only these files or folders")


def add_models(commands):
    models = commands.add_parser("models", help="the model files that Relight can use: list, get, check")
    models.set_defaults(action="list", dirs=None)
    models.add_argument("--json", action="store_true", help="print JSON")
    models.add_argument("--dir", dest="dirs", action="append", type=Path, metavar="DIR", help="look here "
                        "(default: models/); may be repeated")
    actions = models.add_subparsers(dest="action")
    get = actions.add_parser("get", help="download a file, resumed and checked")
    get.add_argument("name", metavar="NAME", help="a name from the list")
    get.add_argument("--to", type=Path, metavar="DIR", help="folder (default: its folder in models/)")
    get.add_argument("--accept-licence", action="store_true", help="I have read the licence of this non-commercial file")
    check = actions.add_parser("check", help="what each file is, and whether it is whole")
    check.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="a folder or file (default: models/)")
    for action in (get, check):
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")


def positive(text):
    """A whole number above 0. Raises argparse.ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number above 0")
    return int(text)


def whole_number(least, most):
    """A converter for whole numbers in this range, which raises argparse.ArgumentTypeError for others."""
    def convert(text):
        digits = text.isascii() and text.isdigit() and len(text) <= 9
        if not (digits and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {least} to {most}")
        return int(text)
    return convert


def add_bench(commands):
    bench = commands.add_parser("bench", help="what relighting costs beside a plain job, measured on this machine")
    bench.add_argument("--out", type=Path, metavar="FILE", help="also write the table to this file")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every round to this file")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="draw them as this .png; needs matplotlib")
    bench.add_argument("--rounds", type=positive, default=10)
    bench.add_argument("--size", type=positive, metavar="SIDE", help="shorter side in pixels, a multiple of 64")
    bench.add_argument("--full", action="store_true", help="also image prompts of three kinds on random full-size UNets, SD 1.5 "
                       "and SDXL, and every kind of job on a random full-size SD 1.5 (7 GB in .relight for a GPU, 14 for a CPU)")
    bench.add_argument("--webui", metavar="URL", help="measure this running WebUI over HTTP instead; --steps is then that of the "
                       "longer job (default: 9)")
    bench.add_argument("--pid", type=positive, metavar="NUMBER", help="with --webui on this machine: count processor time of its "
                       "process in place of the clock; Linux only")
    add_common(bench)


def add_verify(commands):
    verify = commands.add_parser("verify", help="compare Relight with the original's pipeline on your model files")
    verify.add_argument("--out", type=Path, default=Path("outputs/verify"), metavar="DIR",
                        help="where verify.html and verify.json go")
    verify.add_argument("--light", action="append", choices=("left", "right", "top", "bottom"),
                        help="only this light; may be given several times (default: all four)")
    verify.add_argument("--photographs", type=whole_number(1, PHOTOGRAPHS), default=PHOTOGRAPHS, metavar="N",
                        help="the first N photographs, the astronaut and those of scikit-image (default: all %(default)s)")
    verify.add_argument("--objects", type=whole_number(0, 1000), default=1, metavar="N",
                        help="rendered objects beside the photographs (default: %(default)s)")
    add_common(verify)


def add_evaluate(commands):
    evaluate = commands.add_parser("evaluate", help="how near relit images are to the true ones")
    evaluate.add_argument("--examples", type=Path, metavar="DIR", help="sub-folders with input, truth and light.json (default: "
                          "rendered objects in four lights)")
    evaluate.add_argument("--objects", type=positive, help="rendered objects (default: 6)")
    evaluate.add_argument("--out", type=Path, metavar="FILE", help="also write the table to this file")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the figures of every image to this file")
    add_common(evaluate)


def parser():
    top = argparse.ArgumentParser(prog="dev.py", description=__doc__.split("\n\n")[0],
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", required=True)
    add_demo(commands)
    add_relight(commands)
    add_sets(commands)
    add_batch(commands)
    add_test(commands)
    add_models(commands)
    add_bench(commands)
    add_verify(commands)
    add_evaluate(commands)
    for name in TRAINING:
        commands.add_parser(name, add_help=False, help="the tiny demo models: training/README.md; -h shows its options")
    return top


def check_paths(args):
    """Says at once, before anything is installed, which file that was named is not there."""
    names = ("photo", "folder", "background", "mask", "masks", "models", "webui", "dir", "examples")
    given = [(name, getattr(args, name, None)) for name in names]
    for name, path in [*given, *(("--dir", path) for path in getattr(args, "dirs", None) or ())]:
        if isinstance(path, Path) and not path.exists():
            raise environments.SetupError(f"{name}: there is no {path}.")


def run_inside(args, rest):
    """The part that needs the libraries; called in the environment's interpreter."""
    environments.make_root_package(ROOT)
    if args.command in TRAINING:
        return importlib.import_module(f"sd_relight.training.{TRAINING[args.command]}").main(rest)
    from sd_relight.embedded_host.cli import cli
    return cli.main(args)


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    args, rest = parser().parse_known_args(argv)
    if rest and args.command not in TRAINING:
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        check_paths(args)
        if args.command == "test":
            return testing.run_tests(ROOT, args)
        if os.environ.get(INSIDE):
            return run_inside(args, rest)
        python = environments.ensure(ROOT, environments.best_pins())
        processes.replace_process([python, __file__, *argv], env={INSIDE: "1", "OMP_WAIT_POLICY": "PASSIVE"})
    except environments.SetupError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ndev.py: interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    if not os.environ.get(INSIDE):
        processes.exit_when_terminated()
    sys.exit(main())
