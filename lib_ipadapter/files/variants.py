"""Detects an adapter file's base model, family, projection sizes and required image encoder.

Every number comes from tensor shapes. A file's name only decides between families of one layout, and the parameter `family`
overrides the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ..errors import DamagedAdapterError, IpAdapterError
from ..unet_layers import BASE_NAMES, LAYERS
from .adapter_file import AdapterFile, layer_number
from .families import BY_NAME, LAYOUTS, Family, Layout, Sizes, detect_layout, families_of
from .projections import check_shapes

ENCODERS = {"H": "CLIP ViT-H", "bigG": "CLIP ViT-bigG", "L": "CLIP ViT-L"}
PROJECTED_WIDTH = {1024: "H", 1280: "bigG", 768: "L"}
HIDDEN_WIDTH = {1280: "H", 1664: "bigG", 1024: "L"}


@dataclass(frozen=True)
class EncoderNeed:
    """output: image_embeds | hidden (the last but one hidden state).  width: of that output.

    name: H | bigG | L, or empty for other widths.
    """

    output: str
    width: int
    name: str = ""

    def __str__(self) -> str:
        kind = ENCODERS.get(self.name, "a CLIP vision encoder")
        return f"{kind} ({'projection' if self.output == 'image_embeds' else 'hidden'} width {self.width})"


@dataclass(frozen=True)
class Variant:
    """Detected properties of an adapter file.

    base: sd15 | sdxl.  cross: width of its tokens.  tokens: number per image.  sizes: arguments of its projection.
    face: "" | normed | raw, the face embedding it needs.  lora: whether it contains a LoRA.
    """

    path: Path
    base: str
    family: Family
    cross: int
    tokens: int
    sizes: Sizes
    encoder: EncoderNeed | None
    face: str = ""
    lora: bool = False

    @property
    def label(self) -> str:
        return f"{BASE_NAMES[self.base]} {self.family.title}"

    @property
    def layout(self) -> Layout:
        return LAYOUTS[self.family.layout]

    def empty_projection(self) -> nn.Module:
        """Return the projection on the meta device, without weights."""
        options = {"shortcut": True} if self.family.shortcut else {}
        with torch.device("meta"):
            return self.layout.projection(**self.sizes, **options)


def detect(file: AdapterFile, family: str = "auto") -> Variant:
    """Detect the variant of `file` and check all of its shapes. family: a name of BY_NAME where shapes are ambiguous, or auto.

    Raises IpAdapterError for families that no WebUI host can run, for damaged files and for files that are no adapter.
    """
    reject_unsupported(file)
    base, cross = base_model(file)
    found = detect_layout(file.image_proj, base)
    if found is None:
        keys = ", ".join(key[:80] for key in sorted(file.image_proj)[:3])
        raise IpAdapterError(f"`{file.path.name}` has an image projection of no known family (keys {keys}, …); pick another "
                             "file, or report its name so that it can be added.")
    layout, sizes = found
    if sizes["output"] != cross:
        raise DamagedAdapterError(f"`{file.path.name}` projects to width {sizes['output']}, but its layers take {cross}; the "
                                  "file is damaged, download it again.")
    lora = any("_lora." in key for key in file.ip_adapter)
    variant = Variant(file.path, base, choose_family(file, layout, base, family), cross, sizes["tokens"], sizes,
                      encoder_need(layout, sizes), layout.face, lora)
    check_shapes(variant.empty_projection(), file.path.name, file.image_proj)
    check_layers(file, base, cross)
    return variant


def reject_unsupported(file: AdapterFile) -> None:
    """Raise IpAdapterError for families that are known but cannot run here."""
    proj, name = file.image_proj, file.path.name
    if "body.0.weight" in proj and "mapping_0.0.weight" in proj:
        raise IpAdapterError(f"`{name}` is PuLID, which needs EVA-CLIP and antelopev2 and is not supported; for faces use "
                             "an IP-Adapter FaceID file.")
    latents = proj.get("latents", (0, 0, 0))
    perceiver = proj.get("perceiver_resampler.proj_in.weight", (0, 0))
    if (len(latents) == 3 and latents[2] == 2048) or perceiver[0] == 4096:
        raise IpAdapterError(f"`{name}` is for Kolors, which WebUI hosts do not run; pick an SD 1.5 or SDXL adapter.")


def is_instantid(file: AdapterFile) -> bool:
    """Tell InstantID from Portrait (unnorm), whose shapes are equal: `instant` in the name, or upstream's `ip-adapter`."""
    stem = file.path.stem.lower()
    return "unnorm" not in stem and ("instant" in stem or stem == "ip-adapter")


def base_model(file: AdapterFile) -> tuple[str, int]:
    """Return (base, cross-attention width), from the number of layers and their widths.

    Adapters for miniature UNets (same topology, smaller widths) are accepted; `check_unet` compares with the loaded
    UNet. Raises IpAdapterError for other bases.
    """
    keys = [key for key in file.ip_adapter if key.endswith(".to_k_ip.weight")]
    numbers = [layer_number(key) for key in keys]
    first = file.ip_adapter.get("1.to_k_ip.weight", (0, 0))
    inner, cross = (first[0], first[1]) if len(first) == 2 else (0, 0)
    for base, width, channels in (("sd15", 768, 320), ("sdxl", 2048, 640)):
        layers = LAYERS[base]
        exact = sorted(numbers) == [layer.key for layer in layers]
        if exact and ((cross, inner) == (width, channels) or (0 < inner < channels and cross < width)):
            return base, cross
    if (len(keys), cross, inner) == (16, 1024, 320):
        raise IpAdapterError(f"`{file.path.name}` is for SD 2 (width 1024), which has no published IP-Adapter and is not "
                             "supported; pick an SD 1.5 or SDXL adapter.")
    raise IpAdapterError(f"`{file.path.name}` has {len(keys)} layers, first width {inner}, text width {cross}; SD 1.5 has 16, "
                         "320, 768 and SDXL 70, 640, 2048. It is for another model, pick another file.")


def check_layers(file: AdapterFile, base: str, cross: int) -> None:
    """Raise IpAdapterError if a key, value or LoRA matrix does not have its layer's shape."""
    widths = layer_widths(file, base)
    for key, shape in file.ip_adapter.items():
        number, _, name = key.partition(".")
        width = widths.get(layer_number(key) // 2)
        if width is None:
            raise IpAdapterError(f"`{file.path.name}` has `ip_adapter.{key[:80]}`, but {BASE_NAMES[base]} has no layer of that "
                                 "number; the adapter file is for another model.")
        expected = (width, cross)
        if "_lora." in name:
            outer, inner = (width, cross) if int(number) % 2 and name.startswith(("to_k", "to_v")) else (width, width)
            rank = file.ip_adapter[f"{number}.{name.split('.')[0]}.down.weight"][0]
            expected = (outer, rank) if ".up." in name else (rank, inner)
        if shape != expected:
            raise DamagedAdapterError(f"`{file.path.name}`: `ip_adapter.{key[:80]}` is {shape}, expected {expected}; the file is "
                                      "damaged, download it again.")


def layer_widths(file: AdapterFile, base: str) -> dict[int, int]:
    """Return {layer: inner width}, which is that of the first layer on the same level of the UNet."""
    levels: dict[int, int] = {}
    for layer in LAYERS[base]:
        shape = file.ip_adapter[f"{layer.key}.to_k_ip.weight"]
        levels.setdefault(layer.level, shape[0] if shape else 0)
    return {layer.num: levels[layer.level] for layer in LAYERS[base]}


def choose_family(file: AdapterFile, layout: Layout, base: str, override: str) -> Family:
    """Return the family of a file: the override, the only one of its layout, or the one that its name hints at."""
    group, name = families_of(layout), file.path.name
    if override != "auto":
        chosen = BY_NAME.get(override.lower())
        if chosen not in group:
            raise IpAdapterError(f"`family` is {override!r}, but `{name}` can only be {' or '.join(f.name for f in group)} "
                                 "by its shapes; choose one of these or auto.")
        return chosen
    if layout.name == "resampler-face" and is_instantid(file):
        raise IpAdapterError(f"`{name}` is InstantID, which also needs its own ControlNet and antelopev2 and is not "
                             "supported; if it is FaceID Portrait (unnorm), set `family` to portrait-unnorm.")
    stem = file.path.stem.lower()
    hinted = [family for family in group if family.only_base == base or any(hint in stem for hint in family.hints)]
    return (hinted or [family for family in group if not family.hints])[0]


def encoder_need(layout: Layout, sizes: Sizes) -> EncoderNeed | None:
    """Return the image encoder that a projection needs, None for face embeddings alone."""
    if not layout.encoder_output:
        return None
    width = layout.encoder_width(sizes)
    names = PROJECTED_WIDTH if layout.encoder_output == "image_embeds" else HIDDEN_WIDTH
    return EncoderNeed(layout.encoder_output, width, names.get(width, ""))


def check_unet(variant: Variant, layers: int, cross: int) -> None:
    """Raise IpAdapterError unless the adapter fits the loaded UNet. layers: of attn2.  cross: its text width."""
    own = len(LAYERS[variant.base])
    if (layers, cross) == (own, variant.cross):
        return
    loaded = {(16, 768): "SD 1.5", (16, 1024): "SD 2", (70, 2048): "SDXL"}.get((layers, cross), "another model")
    raise IpAdapterError(f"`{variant.path.name}` is for {BASE_NAMES[variant.base]} ({own} layers, text width {variant.cross}), "
                         f"but the checkpoint is {loaded} ({layers} layers, text width {cross}); pick an adapter for it, or "
                         "load another checkpoint.")
