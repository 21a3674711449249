"""Another extension beside Relight, for tests/contract: does by API argument what other extensions do, and writes it down.

Installed twice, under folder names that sort before and after Relight's. The only argument is a dict:
wrapper (factor on the UNet's output), freeu (factor on half of each output block), weight (amount added to the last
convolution), attn2 (true: a patch that changes nothing), regions (factor on the second region's text), first (names of
callbacks: from now on these scripts patch before all others), calls (numbers of the chunks of cond and uncond that each call of the
UNet gets), tiles (width in latent pixels, number of tiles in one call), factors (for each step, on the keys and values of the text;
as LoRAs that replace `forward`), no_memory ("merge": the host's memory ends while it merges the last weight, "sampling": in the first
call of the UNet), raise_in (list of hooks), fail_at, interrupt_at, skip_at (number of
the UNet call), family ("sdxl": the checkpoint pretends while Relight looks). GET /relight-contract/<before|after>: the record.
"""

from pathlib import Path

import gradio as gr
import torch
from modules import script_callbacks, scripts, shared

try:
    import modules_forge  # noqa: F401
except ImportError:  # A1111; every other host has one
    import relight_contract_plain as plain
else:
    plain = None

PLACE = "before" if Path(__file__).parent.parent.name.startswith("aa_") else "after"
BLOCKS = [("input", n) for n in (1, 2, 4, 5, 7, 8)] + [("middle", 0)] + [("output", n) for n in range(3, 12)]
LAST = "diffusion_model.out.2.weight"
record = {}


def attention():
    if plain:
        return lambda attended, k, v, heads: attended
    try:
        from backend.attention import attention_function
    except ImportError:
        from ldm_patched.ldm.modules.attention import optimized_attention as attention_function
    return attention_function


def wrapper_of(found, wish):
    """A model_function_wrapper whose parameters cannot be given by keyword; goes on to the one that it found, but for tiles: the
    hosts' MultiDiffusion replaces it."""
    found = None if wish.get("tiles") else found

    def around(carry, parcel, /):
        record["calls"] += 1
        sigma = float(parcel["timestep"].flatten()[0])
        if sigma not in record["sigmas"]:
            record["sigmas"].append(sigma)
        record["cond_or_uncond"] = list(parcel["cond_or_uncond"])
        if wish.get("no_memory") == "sampling":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        if record["calls"] == wish.get("fail_at"):
            raise RuntimeError("the contract probe fails in the middle of sampling")
        if record["calls"] == wish.get("interrupt_at"):
            shared.state.interrupt()
        if record["calls"] == wish.get("skip_at"):
            shared.state.skip()
        result = sample(found or (lambda carry, parcel: carry(parcel["input"], parcel["timestep"], **parcel["c"])), carry, parcel, wish)
        record["halves"] = [float(half.double().abs().sum()) for half in result.chunk(2, dim=-1)]
        return result * wish["wrapper"] if wish.get("wrapper", 1.0) != 1.0 else result

    return around


def sample(call, carry, parcel, wish):
    if wish.get("calls"):
        return in_calls(call, carry, parcel, wish["calls"])
    return in_tiles(call, carry, parcel, *wish["tiles"]) if wish.get("tiles") else call(carry, parcel)


def in_calls(call, carry, parcel, calls):
    """Conditional and unconditional chunks in calls of their own, as hosts do when memory is short, or in another order."""
    kinds, results = parcel["cond_or_uncond"], {}
    rows = dict(enumerate(torch.arange(len(parcel["input"])).chunk(len(kinds))))
    for numbers in calls:
        picked, own = torch.cat([rows[number] for number in numbers]), [kinds[number] for number in numbers]
        c = {key: value[picked] if isinstance(value, torch.Tensor) else value for key, value in parcel["c"].items()}
        c["transformer_options"] = {**c["transformer_options"], "cond_or_uncond": own}
        part = call(carry, {"input": parcel["input"][picked], "timestep": parcel["timestep"][picked], "c": c, "cond_or_uncond": own})
        results.update(zip(numbers, part.chunk(len(numbers))))
    return torch.cat([results[number] for number in range(len(kinds))])


def in_tiles(call, carry, parcel, width, together):
    """Tiles side by side, `together` of them in one call, as the hosts' MultiDiffusion samples them with overlap 0."""
    x, results = parcel["input"], []
    lefts = range(0, x.shape[-1], width)

    def cut(tensor, lefts):
        return torch.cat([tensor[..., left:left + width] for left in lefts])

    for first in range(0, len(lefts), together):
        own, c = lefts[first:first + together], dict(parcel["c"])
        c["c_crossattn"] = torch.cat([c["c_crossattn"]] * len(own))
        if c.get("c_concat") is not None:
            c["c_concat"] = cut(c["c_concat"], own)
        timestep = torch.cat([parcel["timestep"]] * len(own))
        results += call(carry, {**parcel, "input": cut(x, own), "timestep": timestep, "c": c}).chunk(len(own))
    return torch.cat(results, dim=-1)


replaced = []


def scale_text(unet, factors):
    """Multiply the text's keys and values by the step's factor, in a `forward` that replaces the layer's own until `restore`."""
    for name, layer in unet.model.named_modules():
        if name.endswith(("attn2.to_k", "attn2.to_v")):
            replaced.append((layer, vars(layer).get("forward")))
            layer.forward = scaled(layer.forward, factors)


def scaled(forward, factors):
    return lambda *args, **kwargs: forward(*args, **kwargs) * factors[min(len(record["sigmas"]), len(factors)) - 1]


def restore():
    while replaced:
        layer, forward = replaced.pop()
        vars(layer).pop("forward")
        if forward:
            layer.forward = forward


def freeu(factor):
    def patch(h, skip, transformer_options):
        record["freeu_calls"] += 1
        half = h.shape[1] // 2
        return torch.cat([h[:, :half] * factor, h[:, half:]], dim=1), skip

    return patch


def unchanged(attend):
    def patch(q, k, v, extra):
        record["attn2_calls"] += 1
        return attend(q, k, v, extra["n_heads"])

    return patch


class Regions:
    """A prompt for each of two regions, as extensions for it do: the conditional rows twice, the second time with its own text
    (the first one's, times factor), and a row of zeros where the count is odd; afterwards the upper half is taken from the
    first and the lower half from the second."""

    def __init__(self, factor):
        self.factor = factor

    def expand(self, n, context, value, extra):
        record["region_calls"] += 1
        chunks = extra["cond_or_uncond"]
        count = sum(1 if chunk == 1 else 2 for chunk in chunks) * len(n) // len(chunks)
        n, context = (self.spread(tensor, chunks, factor) for tensor, factor in ((n, 1.0), (context, self.factor)))
        if count % 2:
            n, context = (torch.cat([tensor, torch.zeros_like(tensor[:1])]) for tensor in (n, context))
        return n, context, context

    def spread(self, tensor, chunks, factor):
        parts = [[part] if chunk == 1 else [part, part * factor] for part, chunk in zip(tensor.chunk(len(chunks)), chunks)]
        return torch.cat([row for rows in parts for row in rows])

    def merge(self, out, extra):
        chunks = extra["cond_or_uncond"]
        rows = extra["sigmas"].shape[0]
        half, start, merged = out.shape[1] // 2, 0, []
        for chunk in chunks:
            first = out[start:start + rows]
            start += rows
            if chunk != 1:
                second = out[start:start + rows]
                start += rows
                first = torch.cat([first[:, :half], second[:, half:]], dim=1)
            merged.append(first)
        return torch.cat(merged)


def patch_first(p, names):
    """As the host's setting "callback priority" does, which is read when it starts; here it holds from this job on."""
    shared.opts.data["prioritized_callbacks_script_process_before_every_sampling"] = names
    p.scripts.callback_map.pop("script_process_before_every_sampling", None)


def add_weight(unet, amount):
    add_offset(unet, torch.full_like(unet.model.state_dict()[LAST], amount, device="cpu"), amount)


def add_offset(unet, offset, name):
    patches = {LAST: ("diff", (offset,))}
    try:
        unet.add_patches(patches=patches, filename=f"relight contract {PLACE} {name}")
    except TypeError:
        unet.add_patches(patches)


def patch_layers(unet, wish):
    """The wishes that concern single layers of the UNet."""
    if wish.get("freeu"):
        unet.set_model_output_block_patch(freeu(wish["freeu"]))
    if wish.get("attn2"):
        for block in BLOCKS:
            unet.set_model_attn2_replace(unchanged(attention()), *block)
    if wish.get("regions"):
        regions = Regions(wish["regions"])
        unet.set_model_attn2_patch(regions.expand)
        unet.set_model_attn2_output_patch(regions.merge)


class NoMemory:
    """An offset for which there is no memory."""

    @property
    def shape(self):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def to(self, *args, **kwargs):
        return self.shape


def raising(name):
    def hook(self, p, *args, **kwargs):
        record.setdefault("hooks", []).append(name)
        if name in self.wish(p, args).get("raise_in", ()):
            raise RuntimeError(f"the contract probe fails in {name}")

    return hook


class ContractProbe(scripts.Script):
    def title(self):
        return f"Relight contract {PLACE}"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox("", visible=False, label="contract", elem_id=self.elem_id(f"contract_{PLACE}"))]

    def wish(self, p, args):
        return args[0] if args and isinstance(args[0], dict) else {}

    def before_process(self, p, *args):
        record.clear()
        restore()
        if plain:
            plain.undo()
        record.update(calls=0, sigmas=[], freeu_calls=0, attn2_calls=0, region_calls=0, hooks=["before_process"])
        if "first" in self.wish(p, args):
            patch_first(p, self.wish(p, args)["first"])
        if "before_process" in self.wish(p, args).get("raise_in", ()):
            raise RuntimeError("the contract probe fails in before_process")

    def process(self, p, *args):
        wish = self.wish(p, args)
        if wish.get("family"):
            p.sd_model.is_sd1 = wish["family"] == "sd15"
            p.sd_model.is_sdxl = wish["family"] == "sdxl"
        raising("process")(self, p, *args)

    def process_before_every_sampling(self, p, *args, **kwargs):
        wish = self.wish(p, args)
        if plain and PLACE == "before":
            plain.undo()
        unet = plain.PlainUnet(p) if plain else p.sd_model.forge_objects.unet.clone()
        record["unet_keys"] = sum(key.startswith("diffusion_model.") for key in unet.model.state_dict())
        if wish:
            unet.set_model_unet_function_wrapper(wrapper_of(unet.model_options.get("model_function_wrapper"), wish))
            if not plain:
                p.sd_model.forge_objects.unet = unet
        if wish.get("tiles"):
            unet.model_options["tiled_diffusion"] = True
        if wish.get("factors"):
            restore()
            scale_text(unet, wish["factors"])
        patch_layers(unet, wish)
        if hasattr(p.scripts, "ordered_callbacks"):
            record["order"] = [callback.name for callback in p.scripts.ordered_callbacks("process_before_every_sampling")]
        if wish.get("weight"):
            add_weight(unet, wish["weight"])
        if wish.get("no_memory") == "merge":
            add_offset(unet, NoMemory(), "no memory")
        raising("process_before_every_sampling")(self, p, *args)


for name in ("before_process_batch", "process_batch", "post_sample", "postprocess_batch", "postprocess_image", "postprocess"):
    setattr(ContractProbe, name, raising(name))

script_callbacks.on_app_started(lambda demo, app: app.add_api_route(f"/relight-contract/{PLACE}", lambda: record))
