"""The IP-Adapter half of a job: units checked, pictures encoded once, patches for this pass's clone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...lib_iclight.foreground import grey_composite
from ...lib_ipadapter.attend import attention, masks, timing, units
from ...lib_ipadapter.attend.keys_values import size_in_bytes
from ...lib_ipadapter.encode import encoder, faces
from ...lib_ipadapter.encode.adapter import Adapter
from ...lib_ipadapter.encode.tokens import ImagePrompt, Reference, encode_prompt, fingerprint
from ...lib_ipadapter.files.variants import check_unet
from ...lib_ipadapter.params import IpAdapterParams
from ..base.caches import ContentCache, content_hash, counters
from ..base.errors import RelightError
from ..checks import iclight_checks, ip_adapter_checks
from ..hosts.base import job_steps
from ..models import ip_adapter_files
from ..request import infotext
from ..request.images import DecodedImage
from ..request.ip_adapter_unit import SUBJECT, IpUnit
from .subject import frame_of

prompt_cache = ContentCache(64 * 2**20, lambda prompts: sum(4 * (p.cond.numel() + p.uncond.numel()) for p in prompts))
unit_cache = ContentCache(512 * 2**20, lambda made: sum(size_in_bytes(unit.keys) for unit in made))


@dataclass
class Proof:
    """What was really applied; part of the infotext. lora: weights that a FaceID file's LoRA was added to, of how many."""

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

    mask: [1, H, W] in output space, or SUBJECT for the mattes, which are fitted to the size that is sampled.
    """

    unit: IpUnit
    adapter: Adapter
    prompts: tuple[ImagePrompt, ...]
    identity: str
    mask: torch.Tensor | str | None


class ImagePrompts:
    """Built in before_process; the methods follow the hooks in their order. folders: kind of file -> folders."""

    def __init__(self, host, requested: tuple[IpUnit, ...], folders: Callable[[str], list[Path]], is_img2img: bool):
        self.host, self.requested, self.folders, self.is_img2img = host, requested, folders, is_img2img
        self.paths = [ip_adapter_files.resolve(unit.params.model, folders("ipadapter")) for unit in requested]
        self.adapters = [ip_adapter_files.load(path, unit.params.family, path.stat().st_mtime_ns)
                         for path, unit in zip(self.paths, requested)]
        self.encoders = [ip_adapter_files.encoder_for(adapter.variant, folders("clip_vision")) for adapter in self.adapters]
        self.steps = job_steps(host)
        self.prepared: list[Prepared] = []
        self.lighting = None
        self.proof = Proof([path.stem for path in self.paths])

    def prepare(self, p, lighting) -> None:
        """process: the checkpoint is known, the subject cut out. lighting: the job's other half, or None."""
        layout = self.host.block_layout(self.host.unet(p))
        for adapter in self.adapters:
            check_unet(adapter.variant, *layout)
        self.proof.layers = layout[0]
        self.lighting = lighting
        if lighting is None and any(unit.uses_subject for unit in self.requested):
            raise RelightError(iclight_checks.SUBJECT_WITHOUT_LIGHT)
        device = self.host.device()
        with ExitStack() as stack:
            opened = cache(lambda path: stack.enter_context(encoder.opened(path, device, working_dtype(device))))
            self.prepared = [self.prepare_unit(self.with_subjects(unit), adapter, info, opened)
                             for unit, adapter, info in zip(self.requested, self.adapters, self.encoders)]
        for remark in ip_adapter_checks.of_job(self.requested, bool(getattr(p, "enable_hr", False))):
            self.host.say(p, remark)

    def with_subjects(self, unit: IpUnit) -> IpUnit:
        """The unit with the job's subjects in the place of the word; each image of a batch gets its own subject."""
        if not unit.uses_subject:
            return unit
        subjects = self.lighting.subjects
        shown = tuple(DecodedImage(grey_composite(subject.rgb, subject.alpha), name="image") for subject in subjects)
        whole = unit.images == (SUBJECT,)
        images = shown if whole else tuple(shown[0] if image is SUBJECT else image for image in unit.images)
        params = replace(unit.params, unfold_batch=True) if whole and len(shown) > 1 else unit.params
        has_matte = whole and not unit.masks and subjects[0].alpha is not None
        return replace(unit, images=images, params=params, masks=(SUBJECT,) if has_matte else unit.masks)

    def prepare_unit(self, unit: IpUnit, adapter: Adapter, info, opened) -> Prepared:
        """opened: gives the encoder of a path, loaded once a job and only when a picture must be encoded."""
        images = unit.images
        area = [masks.to_mask(mask.to_pil()) for mask in unit.masks if mask is not SUBJECT]
        arrays = [image.pixels for image in (*images, *unit.image_masks, unit.negative_image) if image is not None]
        embedding = None if unit.embedding is None else np.asarray(unit.embedding, np.float32)
        masks_hash = content_hash(*(mask.numpy() for mask in area))
        seen = "|".join((adapter.identity, str(info and info.path), repr(fingerprint(unit.params)), str(len(images)), masks_hash,
                         content_hash(*arrays, embedding)))
        prompts = prompt_cache.get(seen, partial(self.encode, unit, adapter, info, images, area, opened))
        mask = SUBJECT if SUBJECT in unit.masks else area[0] if len(area) == 1 else None
        return Prepared(unit, adapter, prompts, f"{seen}|{unit.params!r}", mask)

    def encode(self, unit: IpUnit, adapter: Adapter, info, images, area, opened) -> tuple[ImagePrompt, ...]:
        counters["image_prompts"] += 1
        self.steps(f"looking at the picture for {adapter.variant.path.stem}")
        own_masks = area if len(area) > 1 else [None] * max(len(images), 1)
        opened_images = [image.to_pil() for image in images] or [None] * len(unit.embedding)
        image_masks = [mask.to_pil() for mask in unit.image_masks]
        references = [Reference(image, at(image_masks, i), self.face(unit, adapter, image, i), at(own_masks, i))
                      for i, image in enumerate(opened_images)]
        negative = unit.negative_image and unit.negative_image.to_pil()
        return encode_prompt(adapter, info and opened(info.path), references, unit.params, negative_image=negative,
                             uncond_tokens=self.uncond_tokens(unit.params))

    def uncond_tokens(self, params: IpAdapterParams):
        return ip_adapter_files.uncond_tokens(self.folders("ipadapter")) if params.uncond == "fooocus" else None

    def face(self, unit: IpUnit, adapter: Adapter, image, index: int):
        """The face of one picture, where the adapter or the crop needs one."""
        variant = adapter.variant
        if unit.embedding is not None and variant.face:
            return faces.face_from_embedding(unit.embedding[min(index, len(unit.embedding) - 1)])
        if not variant.face and unit.params.crop != "face":
            return None
        finder = ip_adapter_files.face_finder(self.folders("faces"), 256 if variant.base == "sdxl" else 224)
        return finder.find(image, unit.params.face_index)

    def works_in(self, is_hr_pass: bool) -> bool:
        return any(works_in(entry.unit.params, is_hr_pass) for entry in self.prepared)

    def apply(self, p, unet, x: torch.Tensor, noise: torch.Tensor, is_hr_pass: bool) -> None:
        working = [entry for entry in self.prepared if works_in(entry.unit.params, is_hr_pass)]
        made = []
        for entry in working:
            own = self.attention_units(p, entry, x)
            for remark in ip_adapter_checks.of_masks(entry.unit.params.model, own):
                self.host.say(p, remark)
            made += own
        windows = [unit.window for unit in made]
        sigmas = () if all(window.always for window in windows) else self.host.executed_sigmas(p, self.is_img2img or is_hr_pass)
        clock = timing.StepClock(sigmas, partial(self.host.sigma_of, p))
        for remark in ip_adapter_checks.of_pass(windows, clock):
            self.host.say(p, remark)
        table = self.host.attn2_table(unet)
        patches = attention.build_patches(made, self.adapters[0].variant.base, clock=clock, attention=self.host.attention(),
                                          previous=lambda slot: attention.find_previous(table, slot))
        for slot, patch in patches.items():
            self.host.set_cross_attention(unet, slot, patch)
        self.proof.patched = max(self.proof.patched, len(patches))
        self.add_loras(unet, [entry for entry in working if entry.adapter.variant.lora and entry.unit.params.weight])

    def add_loras(self, unet, entries: list[Prepared]) -> None:
        """The LoRA inside FaceID files, each as strong as its unit says. Raises when the host takes only a part of one."""
        taken = wanted = 0
        for entry in entries:
            if strength := entry.unit.params.faceid_lora:
                adapter = entry.adapter
                count = self.host.add_lora(unet, adapter.lora, strength, adapter.identity)
                if count < len(adapter.lora):
                    raise RelightError(f"The LoRA inside `{adapter.variant.path.name}` has {len(adapter.lora)} parts, but only "
                                       f"{count} fit the checkpoint; set `faceid_lora` to 0, or load another checkpoint.")
                taken, wanted = taken + count, wanted + len(adapter.lora)
        self.proof.lora = max(self.proof.lora, (taken, wanted))

    def attention_units(self, p, entry: Prepared, x: torch.Tensor) -> list[attention.Unit]:
        """Keys and values for all layers; the same unit is computed once, whichever job or pass asks."""
        box, canvas = sampled_box(p) if self.is_img2img else (None, None)
        mask, prompts = entry.mask, entry.prompts
        if mask is SUBJECT:
            mask = self.mattes(x.shape[3] * 8, x.shape[2] * 8)
        elif box is not None and mask is not None:
            mask = masks.crop_mask(mask, box, canvas)
        if box is not None:
            prompts = tuple(replace(q, mask=None if q.mask is None else masks.crop_mask(q.mask, box, canvas)) for q in prompts)
        device = self.host.device()
        identity = f"{entry.identity}|{box}|{content_hash(None if mask is None else mask.numpy())}"

        def compute():
            self.steps(f"computing keys and values of {entry.adapter.variant.path.stem}")
            counters["keys"] += 1
            return units.build_units(entry.adapter, prompts, entry.unit.params, identity=identity, mask=mask, device=device,
                                     dtype=working_dtype(device))

        return unit_cache.get((identity, str(device)), compute)

    def mattes(self, width: int, height: int) -> torch.Tensor:
        """[subjects, height, width]: where each subject stands in the picture that is sampled."""
        fitted = [subject.at(self.lighting.frame, width, height)[1] for subject in self.lighting.subjects]
        return torch.stack([torch.ones(height, width) if alpha is None else torch.from_numpy(alpha) for alpha in fitted])

    def infotext(self) -> dict[str, str]:
        return infotext.units_to_infotext(self.requested)

    def extras(self, size: tuple[int, int]) -> list[tuple[str, Image.Image]]:
        """What each encoder saw."""
        return [(f"{infotext.UNITS} {number} picture", preview) for number, entry in enumerate(self.prepared, 1)
                for prompt in entry.prompts for preview in prompt.previews]


def works_in(params: IpAdapterParams, is_hr_pass: bool) -> bool:
    return params.hr_option in ("both", "high" if is_hr_pass else "low")


def working_dtype(device) -> torch.dtype:
    return torch.float32 if torch.device(device).type == "cpu" else torch.float16


def at(entries, index: int):
    return entries[index] if index < len(entries) else None


def sampled_box(p):
    """(box, canvas) of the part of the init image that is sampled (inpaint only masked), or (None, None) for all of it."""
    frame = frame_of(p)
    return (frame.crop, p.init_images[0].size) if frame.crop and p.init_images else (None, None)
