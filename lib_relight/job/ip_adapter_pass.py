"""Applies IP-Adapter to one job: checks units, encodes their images once, patches the clone of each sampling pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...lib_ipadapter.attend import attention, job_copies, masks, timing, units
from ...lib_ipadapter.encode import encoder, faces
from ...lib_ipadapter.encode.adapter import Adapter
from ...lib_ipadapter.encode.encoder import EncoderInfo
from ...lib_ipadapter.encode.tokens import ImagePrompt, Reference, encode_prompt, fingerprint
from ...lib_ipadapter.files.variants import check_unet
from ...lib_ipadapter.params import IpAdapterParams
from ..base import memory
from ..base.caches import ContentCache, content_hash, count_read, counters, file_identity
from ..base.errors import RelightError
from ..checks import ip_adapter_checks
from ..checks.messages import no_step
from ..hosts.results import Added
from ..hosts.types import Host, Processing, UnetPatcher
from ..hosts.webui import job_progress
from ..models import ip_adapter_files
from ..request import infotext
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from .frame import Frame, Frames
from .iclight_pass import IcLightPass
from .passes import Sampling
from .region_masks import picked, place_masks, stacked
from .unit_images import face_files_identity, find_face, resolve_unit_images

prompt_cache = ContentCache(64 * 2**20, lambda prompts: sum(prompt.size_in_bytes for prompt in prompts),
                            lambda prompts: (tokens for prompt in prompts for tokens in (prompt.cond, prompt.uncond)),
                            group="images")
unit_cache = ContentCache(512 * 2**20, lambda made: sum(unit.size_in_bytes for unit in made),
                          lambda made: (tensor for unit in made for keys in unit.keys.values()
                                        for tensor in (*keys.cond, *keys.uncond)), group="images")
memory.at_job_end.append(job_copies.release_all)


@dataclass
class IpAdapterReport:
    """What was applied; part of the infotext.

    patched: layers of the UNet with an image prompt in some step, of how many.  lora: weights that a FaceID file's LoRA was
    added to, of how many.
    """

    names: list[str]
    patched: int = 0
    layers: int = 0
    lora: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        lora = f", LoRA {self.lora[0]}/{self.lora[1]}" if self.lora[1] else ""
        return f"{infotext.UNITS} {' + '.join(self.names)}, patched {self.patched}/{self.layers}{lora}"


@dataclass
class Prepared:
    """A unit with its adapter and its encoded prompts. identity names everything that the attention depends on.

    mask: [M, H, W] in output space, M is 1 or the number of images that are unfolded; or SUBJECT for the mattes, which are
    fitted to the size that is sampled.
    """

    unit: IpUnit
    adapter: Adapter
    prompts: tuple[ImagePrompt, ...]
    identity: str
    mask: Tensor | str | None


class IpAdapterPass:
    """The IP-Adapter half of a job; see passes.Pass. iclight: the other half, whose subjects units may use."""

    def __init__(self, host: Host, p: Processing, requested: tuple[IpUnit, ...], folders: Callable[[str], list[Path]],
                 iclight: IcLightPass | None = None):
        self.host, self.folders, self.iclight = host, folders, iclight
        self.paths = [ip_adapter_files.resolve(unit.params.model, folders("ipadapter")) for unit in requested]
        self.requested = tuple(named(unit, path) for unit, path in zip(requested, self.paths))
        load = cache(ip_adapter_files.load)
        self.adapters = [load(path, unit.params.family) for path, unit in zip(self.paths, requested)]
        self.encoders = [ip_adapter_files.encoder_for(adapter.variant, folders("clip_vision")) for adapter in self.adapters]
        self.progress = job_progress(host)
        self.prepared: list[Prepared] = []
        self.applied = IpAdapterReport([path.stem for path in self.paths])

    def prepare(self, p: Processing) -> None:
        layout = self.host.block_layout(self.host.unet(p))
        for adapter in self.adapters:
            check_unet(adapter.variant, *layout)
        self.applied.layers = layout[0]
        subjects = self.iclight.subjects if self.iclight else []
        device = self.host.device()
        with ExitStack() as stack:
            opened = cache(lambda path: stack.enter_context(open_encoder(path, device)))
            self.prepared = [self.prepare_unit(resolve_unit_images(unit, subjects), adapter, info, opened)
                             for unit, adapter, info in zip(self.requested, self.adapters, self.encoders)]

    def prepare_unit(self, unit: IpUnit, adapter: Adapter, info: EncoderInfo | None, opened: Callable) -> Prepared:
        """opened: returns the encoder of a path, loaded once per job and only when an image must be encoded."""
        area = [masks.to_mask(mask.to_pil()) for mask in unit.masks if mask is not SUBJECT]
        arrays = [image.pixels for image in (*unit.images, *unit.image_masks, unit.negative_image) if image is not None]
        embedding = None if unit.embedding is None else np.asarray(unit.embedding, np.float32)
        masks_hash = content_hash(*(mask.numpy() for mask in area))
        key = "|".join((adapter.identity, str(info and file_identity(info.path)),
                        face_files_identity(unit, adapter.variant, self.folders), repr(fingerprint(unit.params)),
                        str(len(unit.images)), masks_hash, content_hash(*arrays, embedding)))
        prompts = prompt_cache.get(key, partial(self.encode, unit, adapter, info, area, opened))
        mask = SUBJECT if SUBJECT in unit.masks else area[0] if len(area) == 1 else None
        if area and unit.params.unfold_batch:
            mask = stacked(area, len(prompts[0].cond))
        return Prepared(unit, adapter, prompts, f"{key}|{unit.params!r}", mask)

    def encode(self, unit: IpUnit, adapter: Adapter, info: EncoderInfo | None, area: list[Tensor],
               opened: Callable) -> tuple[ImagePrompt, ...]:
        counters["image_prompts"] += 1
        self.progress(f"encoding the image prompt for {adapter.variant.path.stem}")
        own_masks = area if len(area) > 1 and not unit.params.unfold_batch else []
        images = [image.to_pil() for image in unit.images] or [None] * len(unit.embedding)
        image_masks = [mask.to_pil_mask() for mask in unit.image_masks]
        references = [Reference(image, at(image_masks, i), self.face(unit, adapter, image, i), at(own_masks, i))
                      for i, image in enumerate(images)]
        negative = unit.negative_image and unit.negative_image.to_pil()
        return encode_prompt(adapter, info and opened(info.path), references, unit.params, negative_image=negative,
                             uncond_tokens=self.uncond_tokens(unit.params))

    def uncond_tokens(self, params: IpAdapterParams) -> Tensor | None:
        return ip_adapter_files.uncond_tokens(self.folders("ipadapter")) if params.uncond == "fooocus" else None

    def face(self, unit: IpUnit, adapter: Adapter, image: Image.Image | None, index: int) -> faces.Face | None:
        """Return the face of one image or of the unit's embedding; None if neither the adapter nor the crop uses one."""
        if unit.embedding is not None and adapter.variant.face:
            return faces.face_from_embedding(unit.embedding[min(index, len(unit.embedding) - 1)])
        return find_face(unit, adapter.variant, image, self.folders)

    def report(self, image: int) -> str:
        return str(self.applied)

    def infotext(self, image: int) -> dict[str, str]:
        return infotext.units_to_infotext(self.requested)

    def works_in(self, is_hr_pass: bool) -> bool:
        return any(works_in(entry.unit.params, is_hr_pass) for entry in self.prepared)

    def apply(self, p: Processing, sampling: Sampling) -> None:
        working = [entry for entry in self.prepared if works_in(entry.unit.params, sampling.is_hr_pass)]
        for entry in working if sampling.is_hr_pass else ():  # it may have a checkpoint of its own
            check_unet(entry.adapter.variant, *self.host.block_layout(sampling.unet))
        made = []
        for entry in working:
            own = self.attention_units(entry, sampling)
            for message in ip_adapter_checks.black_mask_messages(entry.unit.params.model, own):
                self.host.notify(p, message)
            made += own
        clock = self.clock(p, [unit.window for unit in made], sampling)
        if not clock.steps:
            return
        self.patch_attention(sampling.unet, made, clock)
        self.add_loras(sampling.unet, [entry for entry in working if entry.adapter.variant.lora and entry.unit.params.weight])

    def clock(self, p: Processing, windows: list[timing.Window], sampling: Sampling) -> timing.StepClock:
        """Return the clock of this pass's steps; report windows that hold none of them, and a pass without steps."""
        clock = timing.StepClock(self.host.executed_sigmas(p, sampling.starts_late), partial(self.host.sigma_of, p))
        if not clock.steps:
            self.host.notify(p, no_step(p.denoising_strength if sampling.starts_late else None, p.steps))
        for message in ip_adapter_checks.window_messages(windows, clock):
            self.host.notify(p, message)
        return clock

    def patch_attention(self, unet: UnetPatcher, made: list[attention.Unit], clock: timing.StepClock) -> None:
        """Patch the layers of the units that have an effect in some step of this pass."""
        active = [unit for unit in made if clock.opens(unit.window) and (unit.mask is None or unit.mask.mask.any())]
        table = self.host.attn2_table(unet)
        patches = attention.build_patches(active, self.adapters[0].variant.base, clock=clock, attention=self.host.attention(),
                                          previous=lambda slot: attention.find_previous(table, slot))
        for slot, patch in patches.items():
            self.host.set_cross_attention(unet, slot, patch)
        self.applied.patched = max(self.applied.patched, len(patches))

    def add_loras(self, unet: UnetPatcher, entries: list[Prepared]) -> None:
        """Add the LoRA inside FaceID files with each unit's strength. Raises RelightError if the host accepts only a part."""
        taken = requested = 0
        for entry in entries:
            if strength := entry.unit.params.faceid_lora:
                adapter = entry.adapter
                count = self.host.add_lora(unet, adapter.lora, strength, adapter.identity)
                if count < len(adapter.lora):
                    raise RelightError(f"The LoRA inside `{adapter.variant.path.name}` has {len(adapter.lora)} parts, but only "
                                       f"{count} fit the checkpoint; set `faceid_lora` to 0, or load another checkpoint.")
                taken, requested = taken + count, requested + len(adapter.lora)
        self.applied.lora = max(self.applied.lora, (taken, requested))

    def attention_units(self, entry: Prepared, sampling: Sampling) -> list[attention.Unit]:
        """Compute keys and values for all layers; cached in RAM by content, and on the device until the job ends."""
        rows = self.rows_of_set(entry.unit.params, sampling)
        mask = self.mattes(sampling) if entry.mask is SUBJECT else place_masks(picked(entry.mask, rows), sampling)
        prompts = tuple(replace(prompt, mask=place_masks(prompt.mask, sampling), cond=picked(prompt.cond, rows),
                                uncond=picked(prompt.uncond, rows)) for prompt in entry.prompts)
        device = self.host.device()
        placed = (mask, *(prompt.mask for prompt in prompts))
        identity = f"{entry.identity}|{rows}|{content_hash(*(None if area is None else area.numpy() for area in placed))}"

        def compute():
            self.progress(f"computing keys and values of {entry.adapter.variant.path.stem}")
            counters["keys"] += 1
            return units.build_units(entry.adapter, prompts, entry.unit.params, identity=identity, mask=mask, device=device,
                                     dtype=working_dtype(device))

        made = unit_cache.get((identity, str(device)), compute)
        for unit in made:
            unit.place(device)
        return made

    def rows_of_set(self, params: IpAdapterParams, sampling: Sampling) -> list[int] | None:
        """Return which image of the unit each image of a set's batch takes; None where the place in the batch says it."""
        lights = len(self.iclight.lights) if self.iclight else 1
        if lights == 1 or not params.unfold_batch or params.tiled:
            return None
        return [(sampling.first_image + index) % lights for index in range(sampling.batch)]

    def mattes(self, sampling: Sampling) -> Tensor:
        """Return where each subject lies in the sampled image: [subjects, height, width], 0..1."""
        width, height = sampling.size
        placed = [subject.at(sampling.frames[index], width, height)[1] for index, subject in enumerate(self.iclight.subjects)]
        return torch.stack([torch.ones(height, width) if alpha is None else torch.from_numpy(alpha) for alpha in placed])

    def finish(self, image: Image.Image, index: int, frame: Frame) -> Image.Image:
        return image

    def products(self, images: Sequence[Image.Image], frames: Frames, extras: bool) -> list[Added]:
        return []

    def extras(self, size: tuple[int, int], frames: Frames) -> list[Added]:
        """Return the input image of each encoder."""
        return [Added(f"{infotext.UNITS} {number} picture", preview) for number, entry in enumerate(self.prepared, 1)
                for prompt in entry.prompts for preview in prompt.previews]


def open_encoder(path: Path, device: torch.device) -> AbstractContextManager[encoder.ImageEncoder]:
    count_read("encoder_reads", path)
    return encoder.opened(path, device, working_dtype(device))


def works_in(params: IpAdapterParams, is_hr_pass: bool) -> bool:
    return params.hr_option in ("both", "high" if is_hr_pass else "low")


def working_dtype(device: torch.device | str) -> torch.dtype:
    return torch.float32 if torch.device(device).type == "cpu" else torch.float16


def at(entries: Sequence, index: int) -> Any:
    return entries[index] if index < len(entries) else None


def named(unit: IpUnit, path: Path) -> IpUnit:
    """Return the unit with the file's name instead of `auto`, so that the infotext names it."""
    return replace(unit, params=replace(unit.params, model=path.stem)) if unit.params.model == ip_adapter_files.AUTO else unit
