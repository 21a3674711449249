"""`dev.py batch --ray`: the batch's images by Ray Data, on this machine or a cluster, with the same files and manifest.

Each actor of `map_batches` holds the models once. Ray starts lost actors again and gives them their images anew; a file has its
name only when it is whole and an image's result depends on nothing but its content and options, so nothing is lost or doubled.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ...lib_relight.packages import optional
from .batch import READ, Batch, Manifest, Task, key_of, print_summary, progress_line
from .places import Place, PlaceManifest, image_names
from .session import ROOT

BLOCKS_PER_WORKER = 8
CPUS_PER_WORKER = 4
NOT_SENT = [".git", ".relight", "outputs", "tests"]
KEPT = "kept"
"""Status of an image that an earlier run has finished; not written into the manifest."""


class Relighter:
    """One actor: a session, and the images it is given. options: for Batch."""

    def __init__(self, args: argparse.Namespace, open_session: Callable, options: Mapping[str, Callable]):
        self.args, self.options = args, options
        self.session = open_session(args)
        self.places = {name: Place(str(text)) for name in ("folder", "masks", "out") if (text := getattr(args, name))}

    def __call__(self, rows: Mapping) -> dict:
        return {"entry": [json.dumps(self.relight(**json.loads(row))) for row in rows["task"]]}

    def relight(self, name: str, is_shared: bool, known: Mapping | None) -> dict:
        """Return the manifest's line of an image. known: its line of an earlier run."""
        with tempfile.TemporaryDirectory() as folder:
            task, out = self.fetched(name, Path(folder)), Path(folder, "out")
            key = key_of(task, self.args)
            if known and (known["status"], known["key"]) == ("done", key) and all(map(self.places["out"].has, known["outputs"])):
                return {**known, "status": KEPT}
            args = argparse.Namespace(**{**vars(self.args), "out": out})
            entry = Batch(args, self.session, **self.options).relight(task, is_shared)
            for output in entry["outputs"]:
                self.places["out"].write(output, (out / output).read_bytes())
        return {"photo": name, "key": key, "seed": self.args.seed, **entry}

    def fetched(self, name: str, folder: Path) -> Task:
        """Return the image and its mask as files of this machine."""
        photo, mask = folder / "photo" / PurePosixPath(name).name, None
        photo.parent.mkdir()
        photo.write_bytes(self.places["folder"].read(name))
        if masks := self.places.get("masks"):
            path = PurePosixPath(name)
            found = [mask for suffix in (path.suffix, *READ) if masks.has(mask := path.with_suffix(suffix).as_posix())]
            mask = folder / f"mask{PurePosixPath(found[0]).suffix if found else '.png'}"
            if found:
                mask.write_bytes(masks.read(found[0]))
        return Task(photo, name, mask)


def run(args: argparse.Namespace, open_session: Callable, options: Mapping[str, Callable]) -> int:
    """Relight every image that is not done. Returns 0, or 1 if any image failed."""
    optional.load("ray", "ray.data")
    folder, out = Place(str(args.folder)), Place(str(args.out))
    names = image_names(folder, out)
    stems = Counter(PurePosixPath(name).with_suffix("") for name in names)
    if out.is_local:
        Path(out.root).mkdir(parents=True, exist_ok=True)
    manifest = Manifest(Path(out.root)) if out.is_local else PlaceManifest(out)
    tasks = [{"name": name, "is_shared": stems[PurePosixPath(name).with_suffix("")] > 1, "known": manifest.entries.get(name)}
             for name in names]
    with cluster(args) as workers:
        print(f"{len(names)} images, {workers['compute'].max_size} workers on Ray", flush=True)
        for number, (entry, seconds) in enumerate(entries(tasks, workers, (args, open_session, options)), 1):
            if entry["status"] != KEPT:
                manifest.add(entry)
            print(progress_line(number, len(names), entry, seconds), flush=True)
    if not out.is_local:
        manifest.finish()
    return print_summary(manifest, names, out.text)


def entries(tasks: list[dict], workers: Mapping, given: tuple) -> Iterator[tuple[dict, float]]:
    """Yield each image's line as it is finished, and the seconds since the first could begin."""
    import ray.data

    blocks = min(len(tasks), workers["compute"].max_size * BLOCKS_PER_WORKER)
    rows = ray.data.from_items([{"task": json.dumps(task)} for task in tasks], override_num_blocks=blocks)
    began = time.monotonic()
    for row in rows.map_batches(Relighter, fn_constructor_args=given, batch_size=1, **workers).iter_rows():
        yield json.loads(row["entry"]), time.monotonic() - began


@contextmanager
def cluster(args: argparse.Namespace) -> Iterator[dict]:
    """Connect to --ray ADDRESS, or start Ray here for the while. Yields the arguments of map_batches.

    One actor for each GPU, else for each CPUS_PER_WORKER processors, or as many as --workers says.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.data

    prepare = {"worker_process_setup_hook": "devtools.ray_worker.prepare"}
    quiet = {"log_to_driver": False, "logging_level": "error"}
    if args.ray:
        ray.init(args.ray, runtime_env={**prepare, "working_dir": str(ROOT), "excludes": NOT_SENT}, **quiet)
    else:
        ray.init("local", runtime_env={**prepare, "env_vars": {"PYTHONPATH": str(ROOT)}}, include_dashboard=False,
                 num_cpus=max(os.cpu_count() or 1, (args.workers or 1) + 1), **quiet)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    try:
        gpus, cpus = (int(ray.cluster_resources().get(name, 0)) for name in ("GPU", "CPU"))
        size = args.workers or gpus or max(1, cpus // CPUS_PER_WORKER)
        yield {"compute": ray.data.ActorPoolStrategy(size=size), "num_gpus": 1 if gpus >= size else 0}
    finally:
        ray.shutdown()
