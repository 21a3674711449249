"""Makes synthetic adapter files with the published shapes, and small ones that are cheap to run."""

import json
import struct

import torch

CROSS = {"sd15": 768, "sdxl": 2048}


def channels(base, unit=None):
    """Inner width of every cross-attention layer in the adapter's order. unit: width of the first level, published by default."""
    if base == "sd15":
        u = unit or 320
        return [u] * 2 + [2 * u] * 2 + [4 * u] * 2 + [4 * u] * 3 + [2 * u] * 3 + [u] * 3 + [4 * u]
    u = unit or 640
    return [u] * 4 + [2 * u] * 50 + [u] * 6 + [2 * u] * 10


def layer_shapes(base, cross=None, unit=None, lora=False):
    shapes = {}
    for num, width in enumerate(channels(base, unit)):
        for part in "kv":
            shapes[f"{2 * num + 1}.to_{part}_ip.weight"] = (width, cross or CROSS[base])
    if lora:
        for num, width in enumerate(channels(base, unit)):
            for n in (2 * num, 2 * num + 1):
                for proj in ("q", "k", "v", "out"):
                    inside = (cross or CROSS[base]) if n % 2 and proj in "kv" else width
                    shapes[f"{n}.to_{proj}_lora.down.weight"] = (128, inside)
                    shapes[f"{n}.to_{proj}_lora.up.weight"] = (width, 128)
    return shapes


def base_proj(width, cross, tokens=4):
    return {"proj.weight": (tokens * cross, width), "proj.bias": (tokens * cross,), "norm.weight": (cross,),
            "norm.bias": (cross,)}


def perceiver(width, dim, out, heads, depth=4, prefix="", ff=4):
    shapes = {"proj_in.weight": (dim, width), "proj_in.bias": (dim,), "proj_out.weight": (out, dim), "proj_out.bias": (out,),
              "norm_out.weight": (out,), "norm_out.bias": (out,)}
    for i in range(depth):
        a, f = f"layers.{i}.0.", f"layers.{i}.1."
        for norm in ("norm1", "norm2"):
            shapes |= {f"{a}{norm}.weight": (dim,), f"{a}{norm}.bias": (dim,)}
        shapes |= {f"{a}to_q.weight": (64 * heads, dim), f"{a}to_kv.weight": (128 * heads, dim),
                   f"{a}to_out.weight": (dim, 64 * heads), f"{f}0.weight": (dim,), f"{f}0.bias": (dim,),
                   f"{f}1.weight": (ff * dim, dim), f"{f}3.weight": (dim, ff * dim)}
    return {prefix + key: shape for key, shape in shapes.items()}


def resampler(width, dim, out, heads, tokens=16, depth=4):
    return {"latents": (1, tokens, dim), **perceiver(width, dim, out, heads, depth)}


def full_proj(width=1280, cross=768):
    return {"proj.0.weight": (width, width), "proj.0.bias": (width,), "proj.2.weight": (cross, width), "proj.2.bias": (cross,),
            "proj.3.weight": (cross,), "proj.3.bias": (cross,)}


def face_proj(cross, tokens=4, width=512, hidden=1024):
    return {"proj.0.weight": (hidden, width), "proj.0.bias": (hidden,), "proj.2.weight": (tokens * cross, hidden),
            "proj.2.bias": (tokens * cross,), "norm.weight": (cross,), "norm.bias": (cross,)}


def face_plus_proj(cross, width=1280, tokens=4, depth=4):
    return {**face_proj(cross, tokens),
            **perceiver(width, cross, cross, cross // 64, depth, "perceiver_resampler.")}


def flat(image_proj, ip_adapter):
    return {**{f"image_proj.{k}": s for k, s in image_proj.items()}, **{f"ip_adapter.{k}": s for k, s in ip_adapter.items()}}


def write_header(path, shapes, dtype="F16"):
    """A safetensors file of the true length whose data are a hole in the file: shapes are real, nothing is stored."""
    size = {"F16": 2, "F32": 4}[dtype]
    header, offset = {}, 0
    for key in sorted(shapes):
        count = size
        for side in shapes[key]:
            count *= side
        header[key] = {"dtype": dtype, "shape": list(shapes[key]), "data_offsets": [offset, offset + count]}
        offset += count
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + offset)
    return path


def random_state(shapes, scale=0.2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, shape in shapes.items():
        tensor = scale * torch.randn(shape, generator=generator)
        state[key] = 1 + tensor if "norm" in key and key.endswith("weight") else tensor
    return state


PUBLISHED = {
    # file stem: (family, base, image_proj shapes, lora, tokens, encoder name, encoder output)
    "ip-adapter_sd15": ("base", "sd15", base_proj(1024, 768), False, 4, "H", "image_embeds"),
    "ip-adapter_sd15_light": ("light", "sd15", base_proj(1024, 768), False, 4, "H", "image_embeds"),
    "ip-adapter_sd15_light_v11": ("light", "sd15", base_proj(1024, 768), False, 4, "H", "image_embeds"),
    "ip-adapter_sd15_vit-G": ("vit-g", "sd15", base_proj(1280, 768), False, 4, "bigG", "image_embeds"),
    "ip-adapter-plus_sd15": ("plus", "sd15", resampler(1280, 768, 768, 12), False, 16, "H", "hidden"),
    "ip-adapter-plus-face_sd15": ("plus-face", "sd15", resampler(1280, 768, 768, 12), False, 16, "H", "hidden"),
    "ip_plus_composition_sd15": ("composition", "sd15", resampler(1280, 768, 768, 12), False, 16, "H", "hidden"),
    "ip-adapter-full-face_sd15": ("full-face", "sd15", full_proj(), False, 257, "H", "hidden"),
    "ip-adapter_sdxl": ("base", "sdxl", base_proj(1280, 2048), False, 4, "bigG", "image_embeds"),
    "ip-adapter_sdxl_vit-h": ("base", "sdxl", base_proj(1024, 2048), False, 4, "H", "image_embeds"),
    "ip-adapter-plus_sdxl_vit-h": ("plus", "sdxl", resampler(1280, 1280, 2048, 20), False, 16, "H", "hidden"),
    "ip-adapter-plus-face_sdxl_vit-h": ("plus-face", "sdxl", resampler(1280, 1280, 2048, 20), False, 16, "H", "hidden"),
    "ip_plus_composition_sdxl": ("composition", "sdxl", resampler(1280, 1280, 2048, 20), False, 16, "H", "hidden"),
    "noobIPAMARK1_mark1": ("plus", "sdxl", resampler(1664, 1280, 2048, 20), False, 16, "bigG", "hidden"),
    "ip-adapter-faceid_sd15": ("faceid", "sd15", face_proj(768), True, 4, None, "normed"),
    "ip-adapter-faceid_sdxl": ("faceid", "sdxl", face_proj(2048), True, 4, None, "normed"),
    "ip-adapter-faceid-plus_sd15": ("faceid-plus", "sd15", face_plus_proj(768), True, 4, "H", "normed"),
    "ip-adapter-faceid-plusv2_sd15": ("faceid-plusv2", "sd15", face_plus_proj(768), True, 4, "H", "normed"),
    "ip-adapter-faceid-plusv2_sdxl": ("faceid-plusv2", "sdxl", face_plus_proj(2048), True, 4, "H", "normed"),
    "ip-adapter-faceid-portrait_sd15": ("portrait", "sd15", face_proj(768, 16), False, 16, None, "normed"),
    "ip-adapter-faceid-portrait-v11_sd15": ("portrait", "sd15", face_proj(768, 16), False, 16, None, "normed"),
    "ip-adapter-faceid-portrait_sdxl": ("portrait", "sdxl", face_proj(2048, 16), False, 16, None, "normed"),
    "ip-adapter-faceid-portrait_sdxl_unnorm": ("portrait-unnorm", "sdxl", resampler(512, 1280, 2048, 20), False, 16, None,
                                               "raw"),
}


def write_published(folder, stem):
    _, base, proj, lora, *_ = PUBLISHED[stem]
    return write_header(folder / f"{stem}.safetensors", flat(proj, layer_shapes(base, lora=lora)))
