"""What an adapter file is: base model, family, projection sizes, and which image encoder it needs.

Every number comes from tensor shapes. A file's name only decides between families that look alike inside, and the
`family` parameter decides against the name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import IpAdapterError
from ..unet_layers import BASE_NAMES, LAYERS
from .adapter_file import AdapterFile, Shapes, layer_number
from .families import BY_NAME, Family, family_group

ENCODERS = {"H": "CLIP ViT-H", "bigG": "CLIP ViT-bigG", "L": "CLIP ViT-L"}
PROJECTED_WIDTH = {1024: "H", 1280: "bigG", 768: "L"}
HIDDEN_WIDTH = {1280: "H", 1664: "bigG", 1024: "L"}
FACE_WIDTH = 512


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
    """One adapter file, understood.

    base: sd15 | sdxl.  cross: width of its tokens.  tokens: how many one picture gives.  sizes: of its projection, as
    `projections.build` takes them.  face: "" | normed | raw, the face embedding it needs.  lora: a LoRA is inside.
    """

    path: Path
    base: str
    family: Family
    cross: int
    tokens: int
    sizes: dict
    encoder: EncoderNeed | None
    face: str = ""
    lora: bool = False

    @property
    def label(self) -> str:
        return f"{BASE_NAMES[self.base]} {self.family.title}"


def detect(file: AdapterFile, family: str = "auto") -> Variant:
    """Tell what `file` is. family: a name of `families.BY_NAME` that decides where shapes cannot, or auto.

    Raises IpAdapterError for families that no WebUI host can run, and for files that are none of ours.
    """
    refuse_foreign(file)
    signature, sizes = projection_sizes(file)
    base, cross = base_model(file)
    if sizes["output"] != cross:
        raise IpAdapterError(f"`{file.path.name}` projects to width {sizes['output']}, but its layers take {cross}; the "
                             "file is damaged, download it again.")
    if signature == "base" and base == "sd15" and sizes["input"] == 1280:
        signature = "base-g"
    chosen = choose_family(file, signature, base, family)
    encoder, face = needs(signature, sizes)
    lora = any("_lora." in key for key in file.ip_adapter)
    return Variant(file.path, base, chosen, cross, sizes["tokens"], sizes, encoder, face, lora)


def refuse_foreign(file: AdapterFile) -> None:
    """Families that are recognised but cannot run here, each with its sentence."""
    proj, name = file.image_proj, file.path.name
    if "body.0.weight" in proj and "mapping_0.0.weight" in proj:
        raise IpAdapterError(f"`{name}` is PuLID, which needs EVA-CLIP and antelopev2 and is not supported; for faces use "
                             "an IP-Adapter FaceID file.")
    latents = proj.get("latents", (0, 0, 0))
    perceiver = proj.get("perceiver_resampler.proj_in.weight", (0, 0))
    if (len(latents) == 3 and latents[2] == 2048) or perceiver[0] == 4096:
        raise IpAdapterError(f"`{name}` is for Kolors, which WebUI hosts do not run; pick an SD 1.5 or SDXL adapter.")


def is_instantid(file: AdapterFile) -> bool:
    """InstantID's half has the shapes of Portrait (unnorm): `instant` in the name, or upstream's bare `ip-adapter`."""
    stem = file.path.stem.lower()
    return "unnorm" not in stem and ("instant" in stem or stem == "ip-adapter")


def base_model(file: AdapterFile) -> tuple[str, int]:
    """(base, cross-attention width), from the number of layers and their widths.

    Miniature UNets of the same topology (all widths smaller) pass as their base: the check against the loaded UNet is
    `check_unet`.
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


def projection_sizes(file: AdapterFile) -> tuple[str, dict]:
    """(signature, sizes) of the image projection."""
    proj = file.image_proj
    try:
        for test, read in READERS:
            if test in proj:
                return read(proj)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        pass
    keys = ", ".join(sorted(proj)[:3])
    raise IpAdapterError(f"`{file.path.name}` has an image projection of no known family (keys {keys}, …); pick another "
                         "file, or report its name so that it can be added.")


def read_base(proj: Shapes) -> tuple[str, dict]:
    (out, width), (cross,) = proj["proj.weight"], proj["norm.weight"]
    return "base", {"input": width, "output": cross, "tokens": whole(out, cross)}


def read_full(proj: Shapes) -> tuple[str, dict]:
    (hidden, width), (out, _) = proj["proj.0.weight"], proj["proj.2.weight"]
    return "full", {"input": width, "hidden": hidden, "output": out, "tokens": 257}


def read_faceid(proj: Shapes) -> tuple[str, dict]:
    (hidden, width), (out, _), (cross,) = proj["proj.0.weight"], proj["proj.2.weight"], proj["norm.weight"]
    tokens = whole(out, cross)
    return ("portrait" if tokens > 4 else "faceid"), {"input": width, "hidden": hidden, "output": cross, "tokens": tokens}


def read_resampler(proj: Shapes, prefix: str = "") -> dict:
    """Sizes of a perceiver resampler whose keys begin with prefix. Heads are 64 wide in every published file."""
    dim, width = proj[f"{prefix}proj_in.weight"]
    inner = proj[f"{prefix}layers.0.0.to_q.weight"][0]
    start = f"{prefix}layers."
    depth = 1 + max(int(key[len(start):].split(".")[0]) for key in proj if key.startswith(start))
    return {"input": width, "dim": dim, "heads": whole(inner, 64), "depth": depth,
            "hidden": proj[f"{prefix}layers.0.1.1.weight"][0], "output": proj[f"{prefix}proj_out.weight"][0]}


def read_plus(proj: Shapes) -> tuple[str, dict]:
    sizes = {**read_resampler(proj), "tokens": proj["latents"][1]}
    return ("resampler-face" if sizes["input"] == FACE_WIDTH else "resampler"), sizes


def read_faceid_plus(proj: Shapes) -> tuple[str, dict]:
    (hidden, width), (out, _), (cross,) = proj["proj.0.weight"], proj["proj.2.weight"], proj["norm.weight"]
    inner = read_resampler(proj, "perceiver_resampler.")
    return "faceid-plus", {"input": width, "id_hidden": hidden, "output": cross, "tokens": whole(out, cross),
                           "resampler": inner}


def whole(total: int, part: int) -> int:
    if total % part or not total:
        raise ValueError(f"{total} is no multiple of {part}")
    return total // part


READERS = (("perceiver_resampler.proj_in.weight", read_faceid_plus), ("latents", read_plus), ("proj.3.weight", read_full),
           ("proj.2.weight", read_faceid), ("proj.weight", read_base))


def choose_family(file: AdapterFile, signature: str, base: str, override: str) -> Family:
    group = family_group(signature)
    name = file.path.name
    if override != "auto":
        chosen = BY_NAME.get(override.lower())
        if chosen not in group:
            raise IpAdapterError(f"`family` is {override!r}, but `{name}` can only be {' or '.join(f.name for f in group)} "
                                 "by its shapes; choose one of these or auto.")
        return chosen
    if signature == "resampler-face" and is_instantid(file):
        raise IpAdapterError(f"`{name}` is InstantID, which also needs its own ControlNet and antelopev2 and is not "
                             "supported; if it is FaceID Portrait (unnorm), set `family` to portrait-unnorm.")
    if signature == "faceid-plus" and base == "sdxl":
        return BY_NAME["faceid-plusv2"]
    stem = file.path.stem.lower()
    hinted = [family for family in group if any(hint in stem for hint in family.hints)]
    return hinted[0] if hinted else next(family for family in group if not family.hints)


def needs(signature: str, sizes: dict) -> tuple[EncoderNeed | None, str]:
    """(image encoder, face embedding) that a projection is fed with."""
    if signature in ("base", "base-g"):
        return EncoderNeed("image_embeds", sizes["input"], PROJECTED_WIDTH.get(sizes["input"], "")), ""
    if signature in ("resampler", "full"):
        return hidden_need(sizes["input"]), ""
    if signature == "faceid-plus":
        return hidden_need(sizes["resampler"]["input"]), "normed"
    return None, "raw" if signature == "resampler-face" else "normed"


def hidden_need(width: int) -> EncoderNeed:
    return EncoderNeed("hidden", width, HIDDEN_WIDTH.get(width, ""))


def check_unet(variant: Variant, layers: int, cross: int) -> None:
    """Compare with the loaded UNet: its number of attn2 layers and its text width. Raises the sentence to act on."""
    own = len(LAYERS[variant.base])
    if (layers, cross) == (own, variant.cross):
        return
    loaded = {(16, 768): "SD 1.5", (16, 1024): "SD 2", (70, 2048): "SDXL"}.get((layers, cross), "another model")
    raise IpAdapterError(f"`{variant.path.name}` is for {BASE_NAMES[variant.base]} ({own} layers, text width {variant.cross}), "
                         f"but the checkpoint is {loaded} ({layers} layers, text width {cross}); pick an adapter for it, or "
                         "load another checkpoint.")
