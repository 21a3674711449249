"""How good lights with depth are: shading against the renderer, lights copied from renders, objects lit from front and behind.

    python benchmarks/depth_quality.py [--objects 64] [--relit 8] [--sides 8] [--steps 8] [--seed 2001]
                                       [--only shading|copy|rim|relit|sides]

Shading: correlation, inside of the matte, of the shaded light map in linear light with the renderer's own diffuse shading of the
same normals, which is wrapped as the map's is, and with plain Lambert, over 16 directions each. Copy: angle between the light
that `light_fit` finds in a render and the render's own, for one light and for two. Rim: the largest difference of a cut-out to
the ideal composite on black, white and a colour, at 256 px. Relit and sides: the embedded host relights
objects with the tiny demo models at 256 px, img2img at denoise 1, from the front and behind, and from eight sides.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "devtools"), str(ROOT / "benchmarks")]

import environments  # noqa: E402
import machine  # noqa: E402
import set_quality  # noqa: E402

if "sd_relight" not in sys.modules:
    environments.make_root_package(ROOT)

from sd_relight.embedded_host.cli.session import Session  # noqa: E402
from sd_relight.lib_iclight.depth import direction  # noqa: E402
from sd_relight.lib_iclight.edge_colors import foreground_colors  # noqa: E402
from sd_relight.lib_iclight.light_fit import fit_lights  # noqa: E402
from sd_relight.lib_iclight.light_kinds import DIRECTION_ANGLES  # noqa: E402
from sd_relight.lib_iclight.light_map import render_lights  # noqa: E402
from sd_relight.lib_iclight.light_sets import NAMED_SETS  # noqa: E402
from sd_relight.lib_iclight.params import IcLightParams  # noqa: E402
from sd_relight.lib_iclight.srgb import to_linear, to_srgb  # noqa: E402
from sd_relight.lib_iclight.surface import Surface, surface_of  # noqa: E402
from sd_relight.training.metrics import lit_difference  # noqa: E402
from sd_relight.training.rendering import HELD_OUT_SEED, held_out_scenes, render, shade, soft_edged, to_uint8  # noqa: E402
from sd_relight.training.scenes import COLOUR_NAMES, SHAPES, Scene  # noqa: E402
from sd_relight.training.shapes import Geometry, trace  # noqa: E402

SIZE, HELD_OUT = 96, 2001
BACKGROUNDS = [np.array(color) for color in ((0, 0, 0), (255, 255, 255), (30, 200, 60))]
DIRECTIONS = [(angle, elevation) for elevation in (20, 55) for angle in range(0, 360, 45)]
WHITE, DIM = (torch.ones(1, 3, 1, 1) * level for level in (0.8, 0.22))


def traced(count: int, seed: int = HELD_OUT) -> tuple[list[Scene], Geometry, list[Surface]]:
    scenes = held_out_scenes(count, seed)
    geometry = trace(scenes, SIZE, "cpu")
    surfaces = [surface_of(geometry.alpha[i, 0].double().numpy(), geometry.normal[i].permute(1, 2, 0).double().numpy())
                for i in range(count)]
    return scenes, geometry, surfaces


def part(geometry: Geometry, index: int) -> Geometry:
    return Geometry(*(getattr(geometry, name)[index:index + 1] for name in ("alpha", "normal", "local")))


def report_shading(count: int) -> None:
    found: dict[str, list] = {"the renderer's": [], "plain Lambert": []}
    for surface in traced(count)[2]:
        inside = surface.matte > 0.99
        for angle, elevation in DIRECTIONS:
            params = IcLightParams(light="angle", light_angle=angle, light_elevation=elevation)
            shaded = to_linear(render_lights(params, "fc", SIZE, SIZE, surface=surface)[..., 0] / 255)
            facing = (surface.normals * np.array(direction(angle, elevation))).sum(-1)
            for name, wrap in zip(found, (0.12, 0.0)):
                found[name].append(np.corrcoef(shaded[inside], np.maximum(0, facing + wrap)[inside])[0, 1])
    for name, values in found.items():
        print(f"shading of {count} objects, {len(DIRECTIONS)} directions, beside {name}: correlation {np.mean(values):.4f}, "
              f"least {np.min(values):.4f}, at least 0.95 in {np.mean(np.array(values) >= 0.95):.1%}")


def random_direction(rng: np.random.Generator) -> np.ndarray:
    return np.array(direction(rng.uniform(0, 360), rng.uniform(0, 70)))


def angle_between(a: np.ndarray, b: np.ndarray) -> float:
    return math.degrees(math.acos(min(1.0, max(-1.0, float(a @ b)))))


def report_copy(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes, geometry, surfaces = traced(count, seed)
    errors = {"normals": ([], []), "matte": ([], [])}
    for index, scene in enumerate(scenes):
        first, second = two_directions(rng)
        for lights in ([first], [first, second]):
            image = lit(scene, part(geometry, index), lights)
            shapes = {"normals": surfaces[index], "matte": surface_of(surfaces[index].matte, None)}
            for name, surface in shapes.items():
                errors[name][len(lights) - 1].append(worst_error(lights, fit_lights(image, surface, len(lights))))
    for name, (one, two) in errors.items():
        print(f"lights copied from {count} renders, shape by the {name}: one light, median {np.median(one):.1f} degrees, within "
              f"10 in {np.mean(np.array(one) <= 10):.1%}; two lights, median {np.median(two):.1f}, both within 20 in "
              f"{np.mean(np.array(two) <= 20):.1%}")


def two_directions(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return two directions at least 60 degrees apart."""
    while True:
        first, second = random_direction(rng), random_direction(rng)
        if angle_between(first, second) >= 60:
            return first, second


def lit(scene: Scene, geometry: Geometry, lights: list[np.ndarray]) -> np.ndarray:
    """Return the object under lights of equal strength and ambient light, uint8 [SIZE, SIZE, 3]."""
    linear = sum(shade([scene], geometry, torch.tensor(light, dtype=torch.float32)[None], WHITE / len(lights), DIM / len(lights))
                 for light in lights)
    return (to_srgb(linear[0].permute(1, 2, 0).double().numpy().clip(0, 1)) * 255).round().astype(np.uint8)


def worst_error(lights: list[np.ndarray], entries: list[dict]) -> float:
    """Return the largest angle of a light to its own among the found ones; 180 if some were not found."""
    found = [np.array(direction(entry["light_angle"], entry["light_elevation"])) for entry in entries
             if entry["light"] == "angle"]
    if len(found) < len(lights):
        return 180.0
    orders = [found] if len(found) == 1 else [found, found[::-1]]
    return min(max(angle_between(a, b) for a, b in zip(lights, order)) for order in orders)


def report_rim(count: int) -> None:
    for seed in (HELD_OUT_SEED, HELD_OUT):
        rims = [rim_of(scene) for scene in held_out_scenes(count, seed)]
        print(f"rim of {count} cut-outs, seed {seed}: median {np.median(rims):.2f} of 255, largest {np.max(rims):.2f}, at most 4 "
              f"in {np.sum(np.array(rims) <= 4)}")


def rim_of(scene: Scene) -> float:
    """Return the largest difference in levels between a cut-out with its estimated edge colours and the ideal composite."""
    subjects, mattes, walls = soft_edged([scene], set_quality.SIZE)
    alpha, subject = mattes[0, 0, ..., None].numpy(), subjects[0].permute(1, 2, 0).numpy() * 255
    saved = np.round(alpha * 255) / 255
    colors = foreground_colors(to_uint8(subjects + walls)[0], alpha[..., 0]) * saved
    return max(np.abs(colors + (1 - saved) * color - subject - (1 - alpha) * color).max() for color in BACKGROUNDS)


def report_relit(count: int, steps: int) -> None:
    scenes, session, good = held_out_scenes(count, HELD_OUT), Session(device="cpu"), {"front": 0, "behind": 0}
    renders = render(scenes, set_quality.SIZE)
    for index, scene in enumerate(scenes):
        prompt = f"a {COLOUR_NAMES[scene.style.colour]} clay {SHAPES[scene.shape]}, neutral light"
        lights = {"light": "top", "light_elevation": 90, "lights": [{"light": "top", "light_elevation": -90}], "set": "lights"}
        images = set_quality.relit(session, set_quality.cut_out(renders, index), prompt, steps, **lights)
        matte, edge = renders.alpha[index, 0].numpy(), surface_of(renders.alpha[index, 0].numpy(), None).edge
        middle, rim = (matte > 0.9) & (edge < np.quantile(edge[matte > 0.9], 0.4)), (matte > 0.9) & (
            edge > np.quantile(edge[matte > 0.9], 0.8))
        differences = [image[middle].mean() - image[rim].mean() for image in images.astype(float)]
        good["front"] += differences[0] > 0
        good["behind"] += differences[1] < 0
        print(f"{index + 1}/{count}: middle over edge {differences[0]:+.1f} levels from the front, "
              f"{differences[1]:+.1f} from behind", flush=True)
    print(f"relit, {count} objects, {steps} steps: front brighter in the middle {good['front']}/{count}, behind at the edges "
          f"{good['behind']}/{count}")


def report_sides(count: int, steps: int, sides: int) -> None:
    """sides: of the eight, that each object is lit from, evenly around it; each round of shapes begins one side further."""
    scenes, session, every = held_out_scenes(count, HELD_OUT), Session(device="cpu"), NAMED_SETS["directions"]
    found: dict[str, list[float]] = {light: [] for light in every}
    renders = render(scenes, set_quality.SIZE)
    for index, scene in enumerate(scenes):
        prompt = f"a {COLOUR_NAMES[scene.style.colour]} clay {SHAPES[scene.shape]}, neutral light"
        lights = np.roll(every, -(index // len(SHAPES)))[::len(every) // sides].tolist()
        fields = {"light": lights[0], "lights": [{"light": light} for light in lights[1:]], "set": "lights"}
        images = set_quality.relit(session, set_quality.cut_out(renders, index), prompt, steps, **fields)
        pictures = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
        for light, picture in zip(lights, pictures, strict=True):
            found[light].append(float(lit_difference(picture[None], renders.alpha[index:index + 1], DIRECTION_ANGLES[light])))
        all_found = [difference for values in found.values() for difference in values]
        print(f"{index + 1}/{count}: {sum(d > 0 for d in all_found)} of {len(all_found)}, load {machine.load()}", flush=True)
    for light, values in found.items():
        if values:
            print(f"sides, {steps} steps, {light}: lit from it {sum(d > 0 for d in values)} of {len(values)}, difference of the "
                  f"halves {np.mean(values):.3f}, least {np.min(values):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, default in (("objects", 64), ("relit", 8), ("steps", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", choices=("shading", "copy", "rim", "relit", "sides"))
    parser.add_argument("--sides", type=int, default=8, choices=(2, 4, 8), help="of the eight, that each object is lit from")
    parser.add_argument("--seed", type=int, default=HELD_OUT, help="of the objects whose light is copied")
    args = parser.parse_args()
    if args.only in (None, "shading"):
        report_shading(args.objects)
    if args.only in (None, "copy"):
        report_copy(args.objects, args.seed)
    if args.only in (None, "rim"):
        report_rim(args.objects)
    if args.only in (None, "relit"):
        report_relit(args.relit, args.steps)
    if args.only in (None, "sides"):
        report_sides(args.relit, args.steps, args.sides)


if __name__ == "__main__":
    main()
