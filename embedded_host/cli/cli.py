"""The command line behind dev.py: relight one photograph, the demo, model files, the benchmarks. Errors are one sentence."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from ...lib_iclight.params import params_from_dict
from ...lib_relight.request.images import open_file
from ...lib_relight.base.errors import RelightError, UserError, unwritable
from . import batch, demo, light_sets, models_command, ray_batch
from .job_spec import RelightJobSpec, fit_size, parse_size
from .session import DEMO_MODELS, Session, defaults, describe_models, is_tiny, native_side, save_image

FORMATS = (".png", ".jpg", ".jpeg", ".webp")


def main(args) -> int:
    """args: what dev.py parsed. Returns the exit code: 0, 2 for what the user can mend, 130 after Ctrl+C."""
    try:
        commands = {"demo": run_demo, "relight": relight, "batch": relight_folder, "models": models_command.run, "bench": measure,
                    "verify": measure, "evaluate": measure}
        return commands.get(args.command, relight_set)(args)
    except UserError as error:
        return say(str(error))
    except KeyboardInterrupt:
        print("interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        if message := known_message(error) or unwritable(error):
            return say(message)
        raise


def say(message: str) -> int:
    print(f"dev.py: {message}", file=sys.stderr)
    return 2


def known_message(error: Exception) -> str | None:
    """The message for what libraries raise and users can mend, or None: then it is our bug and its traceback is wanted."""
    if type(error).__name__ == "OutOfMemoryError":
        return "the device has too little memory for this size; choose a smaller --size, less --hires, or --device cpu."
    detail = getattr(error, "detail", None)
    return detail if isinstance(detail, str) and getattr(error, "status_code", 500) < 500 else None


def run_demo(args) -> int:
    demo.check_lights(args.light)
    return demo.run(args)


def measure(args) -> int:
    """Run a command of benchmarks/, whose imports no other command needs."""
    from ...benchmarks import evaluate, report, verify

    return {"bench": report, "verify": verify, "evaluate": evaluate}[args.command].run(args)


def check(args) -> None:
    """What can be wrong before a model is loaded. Raises RelightError."""
    light_sets.check_suffix(args.out, FORMATS)
    params_from_dict({"light": args.light, **more_fields(args.set)})
    check_ranges(args)


def check_ranges(args) -> None:
    ranges = {"steps": (1, 150), "hires": (1.0, 4.0), "denoise": (0.0, 1.0), "cfg": (1.0, 30.0)}
    for name, (low, high) in ranges.items():
        value = getattr(args, name)
        if value is not None and not low <= value <= high:
            raise RelightError(f"--{name} is {value:g}; it must be from {low:g} to {high:g}.")


def more_fields(assignments) -> dict:
    """["light_angle=30", "extras=true"] -> {"light_angle": 30, "extras": True}. Raises RelightError."""
    fields = {}
    for text in assignments or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise RelightError(f"--set is {text!r}; write FIELD=VALUE, for example --set light_angle=30.")
        try:
            fields[name] = json.loads(value)
        except ValueError:
            fields[name] = value
    return fields


def spec_of(args, models, fields: Mapping) -> RelightJobSpec:
    """The images opened and every option given a value. fields: of `iclight`, over those of --set. Raises RelightError."""
    photo = open_file(args.photo, "photo")
    try:
        size = parse_size(args.size) if args.size else fit_size(photo.size, native_side(models))
    except ValueError as error:
        raise RelightError(str(error)) from error
    given = {name: getattr(args, name) for name in ("steps", "denoise") if getattr(args, name) is not None}
    return RelightJobSpec(
        photo, size, light=fields.get("light", "left"), seed=args.seed, hires=args.hires, cfg=args.cfg,
        more={**finish_of(models, args), **more_fields(args.set), **fields},
        background=open_file(args.background, "background") if args.background else None,
        mask=open_file(args.mask, "mask") if args.mask else None,
        **{**defaults(models, args.prompt, args.negative), **given})


def finish_of(models: Path, args) -> dict:
    """Return the finish that the tiny models need to show a photograph; nothing for real ones, or if --set names a part of it.

    Normal maps are computed from what the networks give.
    """
    named = demo.REPAIRED.keys() & more_fields(args.set).keys()
    unwanted = named or args.background or args.command == "normals" or not is_tiny(models)
    return {} if unwanted else dict(demo.REPAIRED)


def relight(args) -> int:
    check(args)
    session, spec = prepared(args, {"light": args.light})
    result = session.run_set(args.photo.name, spec)
    image, text = result.images[0], result.infotexts[0]
    save_image(image, args.out, text)
    print(f"{text.splitlines()[-1]}\nwrote {args.out.resolve()} ({image.width}x{image.height})")
    for name in light_sets.HANDED_OVER & result.added.keys():
        path = args.out.with_name(f"{args.out.stem}-{name.replace(' ', '-')}.{result.added[name].suffix}")
        light_sets.write_bytes(result.added[name].data, path)
        print(f"wrote {path.resolve()}")
    return 0


def relight_set(args) -> int:
    check_ranges(args)
    session, spec = prepared(args, light_sets.fields_of(args))
    result = session.run_set(args.photo.name, spec)
    light_sets.write(args, result)
    print(f"wrote {args.out.resolve()} from {len(result.images)} images in {result.seconds:.1f} s")
    return 0


def relight_folder(args) -> int:
    check_ranges(args)
    light_sets.set_of(args.lights)
    options = {"spec_of": spec_in_batch, "message_of": message_of}
    if args.ray is not None:
        return ray_batch.run(args, opened, options)
    if "://" in f"{args.folder}{args.out}{args.masks}":
        raise RelightError("A folder that is a URI needs --ray; add it, or give a path of this machine.")
    return batch.Batch(args, opened(args), **options).run()


def spec_in_batch(args) -> RelightJobSpec:
    """Return the job of one image of a batch."""
    return spec_of(args, (args.models or DEMO_MODELS).resolve(), light_sets.set_of(args.lights))


def message_of(error: Exception) -> str | None:
    """Return the message of a user error or of a known one of the libraries; None for our own bugs."""
    return str(error) if isinstance(error, UserError) else known_message(error)


def prepared(args, fields: Mapping) -> tuple[Session, RelightJobSpec]:
    """Return the loaded session and the job of one photograph."""
    spec = spec_of(args, args.models or DEMO_MODELS, fields)
    return opened(args), spec


def opened(args) -> Session:
    """Load the models; prints what they are worth."""
    models = args.models or DEMO_MODELS
    session = Session(models, args.device)
    note = f"\n{demo.REPAIRED_NOTE}" if finish_of(models, args) else ""
    print(f"models: {describe_models(session.models)}{note}\ndevice: {session.device}", flush=True)
    return session
