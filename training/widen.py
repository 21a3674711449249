"""Widens a trained UNet while preserving its output: the demo's first networks had two equal widths and 684 of 686 tensors.

Every channel keeps its position within its GroupNorm's group, and each group gets new channels with the group's mean, so
that means stay and variances shrink a little; heads and hidden layers of the feed-forwards get zero channels. No weight
reads the new channels at first. Where two widths are concatenated the groups' borders move; there, and for the
variances, each norm's scale and shift are fitted to the narrow network's output on real batches (`fit_norms`).
Further training removes the remaining difference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor, nn

from .models import DEMO, HEADS, Sizes, build_unet, load_unet, save_tensors, save_unets

RESNET = re.compile(r"(.+\.resnets\.(\d))\.(norm1|conv1|time_emb_proj|norm2|conv2|conv_shortcut)\.(weight|bias)")
ATTENTION = re.compile(r"(.+\.attentions\.\d)\.(.+)\.(weight|bias)")
SAMPLER = re.compile(r".+samplers\.0\.conv\.(weight|bias)")
ADAPTER = "ip-adapter.safetensors"
Batch = Callable[[nn.Module], Tensor]  # network -> its prediction for one batch
Pair = tuple[Tensor, Tensor]  # spread [wide, narrow]: how values are laid out; pick [narrow, wide]: how they are read back


def spread_and_pick(narrow: int, wide: int, groups: int) -> Pair:
    """Map each group's channels, then new ones with their mean. Both widths are multiples of `groups`."""
    size, grown = narrow // groups, wide // groups
    block = torch.cat([torch.eye(size), torch.full((grown - size, size), 1 / size)])
    picks = torch.cat([torch.eye(size), torch.zeros(size, grown - size)], 1)
    return torch.block_diag(*[block] * groups), torch.block_diag(*[picks] * groups)


def silent(narrow: int, wide: int, groups: int) -> Pair:
    """Map channels as spread_and_pick does, but with zero in the new ones."""
    _, pick = spread_and_pick(narrow, wide, groups)
    return pick.T.contiguous(), pick


@dataclass(frozen=True)
class Widening:
    """Maps the widths of one UNet to another's; level 0 must be equal, because the time embedding depends on it."""

    narrow: tuple[int, ...]
    wide: tuple[int, ...]
    groups: int

    def level(self, level: int) -> Pair:
        return spread_and_pick(self.narrow[level], self.wide[level], self.groups)

    def inside(self, level: int) -> Pair:
        """Return the map of a transformer block's tokens: LayerNorm has one group."""
        return spread_and_pick(self.narrow[level], self.wide[level], 1)

    def heads(self, level: int) -> Pair:
        return silent(self.narrow[level], self.wide[level], HEADS)

    def forward(self, level: int, parts: int = 1) -> Pair:
        """Return the map of the feed-forward's hidden layer; parts: 2 for values and gates."""
        narrow, wide = (4 * widths[level] for widths in (self.narrow, self.wide))
        return joined([silent(narrow, wide, 1)] * parts)

    def level_of(self, key: str) -> int:
        side, at = re.match(r"(down|mid|up)_blocks?\.?(\d?)", key).groups()
        return len(self.wide) - 1 if side == "mid" else int(at) if side == "down" else len(self.wide) - 1 - int(at)

    def inputs_of(self, resnet: str) -> list[int]:
        """Return the levels of a residual block's input channels: one, or the hidden state's and the skip's."""
        level, i, last = self.level_of(resnet), int(resnet[-1]), len(self.wide) - 1
        if not resnet.startswith("up"):
            return [max(level - 1, 0) if i == 0 and resnet.startswith("down") else level]
        hidden = min(level + 1, last) if i == 0 else level
        return [hidden, max(level - 1, 0) if i == 2 else level]

    def before(self, resnet: str) -> Pair:
        return joined([self.level(level) for level in self.inputs_of(resnet)])


def joined(pairs: Iterable[Pair]) -> Pair:
    spreads, picks = zip(*pairs, strict=True)
    return torch.block_diag(*spreads), torch.block_diag(*picks)


def both_sides(weight: Tensor, out: Pair | None, into: Pair | None) -> Tensor:
    """Map rows by `out` and columns by `into`; None keeps them. weight: [out, in, ...] or [out]."""
    if out is not None:
        weight = torch.einsum("wn,n...->w...", out[0], weight)
    return weight if into is None else torch.einsum("onxy,nw->owxy" if weight.ndim == 4 else "on,nw->ow", weight, into[1])


def norm_rows(value: Tensor, pair: Pair, scale: float = 1.0) -> Tensor:
    """Map a norm's weight or bias; new channels get the mean of their group."""
    return pair[0] @ value * scale


def resnet_tensor(plan: Widening, value: Tensor, resnet: str, layer: str, kind: str) -> Tensor:
    before, after = plan.before(resnet), plan.level(plan.level_of(resnet))
    if layer.startswith("norm"):
        return norm_rows(value, before if layer == "norm1" else after)
    into = {"conv1": before, "conv2": after, "conv_shortcut": before}.get(layer)
    return both_sides(value, after, into if kind == "weight" else None)


def attention_tensor(plan: Widening, value: Tensor, layer: str, kind: str, level: int) -> Tensor:
    outer, inner, heads = plan.level(level), plan.inside(level), plan.heads(level)
    shrunk = (plan.narrow[level] / plan.wide[level]) ** 0.5
    name = layer.removeprefix("transformer_blocks.0.")
    if name == "norm":
        return norm_rows(value, outer)
    if name.startswith("norm"):
        return norm_rows(value, inner, shrunk if kind == "weight" else 1.0)
    sides: dict[str, tuple[Pair, Pair | None]] = {
        "proj_in": (inner, outer), "proj_out": (outer, inner), "attn1.to_out.0": (inner, heads), "attn2.to_out.0": (inner, heads),
        "ff.net.0.proj": (plan.forward(level, 2), inner), "ff.net.2": (inner, plan.forward(level)),
    }
    out, into = sides.get(name, (heads, None if name in ("attn2.to_k", "attn2.to_v") else inner))
    scale = 1 / shrunk if name.endswith("to_q") else 1.0  # attention divides by the square root of the head width
    return both_sides(value, out, into if kind == "weight" else None) * scale


def widen_tensor(plan: Widening, key: str, value: Tensor) -> Tensor:
    if match := RESNET.fullmatch(key):
        resnet, _, layer, kind = match.groups()
        return resnet_tensor(plan, value, resnet, layer, kind)
    if match := ATTENTION.fullmatch(key):
        return attention_tensor(plan, value, match[2], match[3], plan.level_of(key))
    if match := SAMPLER.fullmatch(key):
        pair = plan.level(plan.level_of(key))
        return both_sides(value, pair, pair if match[1] == "weight" else None)
    return value  # conv_in, the time embedding and the output: level 0


def widen_state(narrow: dict[str, Tensor], plan: Widening, wide: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return `narrow` in the shapes of `wide`, an untrained network whose values fill unused weights. Raises ValueError
    if level 0 differs."""
    if plan.narrow[0] != plan.wide[0]:
        raise ValueError(f"level 0 is {plan.narrow[0]} wide and should become {plan.wide[0]}; it must keep its width.")
    out = {}
    for key, fresh in wide.items():
        if key in narrow:
            out[key] = widen_tensor(plan, key, narrow[key].float())
        elif key.endswith("conv_shortcut.weight"):  # new where two levels were equally wide: identity
            resnet = key.removesuffix(".conv_shortcut.weight")
            out[key] = (plan.level(plan.level_of(resnet))[0] @ plan.before(resnet)[1])[:, :, None, None]
        else:
            out[key] = torch.zeros_like(fresh)
        if key.endswith((".to_k.weight", ".to_v.weight", ".ff.net.0.proj.weight", ".ff.net.0.proj.bias")):
            out[key] = filled(out[key], fresh)
    return out


def filled(value: Tensor, fresh: Tensor) -> Tensor:
    """Fill unused zero rows from an untrained network: otherwise they would get no gradient."""
    unused = value.reshape(len(value), -1).abs().sum(1) == 0
    return torch.where(unused.reshape(-1, *[1] * (value.ndim - 1)), fresh, value)


def widen_adapter(state: dict[str, Tensor], plan: Widening, levels: list[int]) -> dict[str, Tensor]:
    """Map IP-Adapter's keys and values; `levels`: the level of its layers 1, 3, 5, ... in this order."""
    out = {key: value.clone() for key, value in state.items()}  # the memory-mapped file may be overwritten next
    for key, value in state.items():
        if key.startswith("ip_adapter."):
            level = levels[(int(key.split(".")[1]) - 1) // 2]
            out[key] = both_sides(value.float(), plan.heads(level), None)
    return out


@torch.no_grad()
def fit_norms(narrow: UNet2DConditionModel, wide: UNet2DConditionModel, plan: Widening,
              batches: list[Batch]) -> None:
    """Fit scale and shift of every GroupNorm of `wide` to the output of the one of `narrow`, per channel, by least squares."""
    seen: dict[str, list[tuple[Tensor, Tensor]]] = {}
    hooks = [module.register_forward_hook(lambda m, args, out, name=name: seen.setdefault(name, []).append((args[0], out)))
             for name, module in narrow.named_modules() if isinstance(module, nn.GroupNorm)]
    for batch in batches:
        batch(narrow)
    for hook in hooks:
        hook.remove()
    for name, images in seen.items():
        spread, pick = norm_space(plan, name)
        module = wide.get_submodule(name)
        plain = [F.group_norm(torch.einsum("wn,bnxy->bwxy", spread, x), plan.groups, eps=module.eps) for x, _ in images]
        got = torch.cat([torch.einsum("nw,bwxy->nbxy", pick, x).flatten(1) for x in plain], 1)
        wanted = torch.cat([y.transpose(0, 1).flatten(1) for _, y in images], 1)
        slope = covariance(got, wanted) / covariance(got, got).clamp_min(1e-12)
        shift = wanted.mean(1) - slope * got.mean(1)
        module.weight.copy_(spread @ slope)
        module.bias.copy_(spread @ shift)


@torch.no_grad()
def widen_models(models: Path, batches: dict[str, list[Batch]], seed: int, sizes: Sizes = DEMO) -> dict[str, float]:
    """Rewrite the folder's UNet, fc, fbc and IP-Adapter at other widths. batches: for each kind, some to fit the norms and a
    last one to measure. Returns {kind: relative difference of the predictions}; {} if the widths are equal already."""
    narrow = {kind: load_unet(models, kind) for kind in batches}
    config = narrow["base"].config
    plan = Widening(tuple(config.block_out_channels), sizes.unet, config.norm_num_groups)
    if plan.narrow == plan.wide:
        return {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build_unet(sizes)
    made, moved = {}, {}
    for kind, (*fitting, last) in batches.items():
        wide = build_unet(sizes, kind).eval()
        wide.load_state_dict(widen_state(narrow[kind].state_dict(), plan, fresh.state_dict()))
        fit_norms(narrow[kind], wide, plan, fitting)
        made[kind], wanted = wide, last(narrow[kind])
        moved[kind] = float((last(wide) - wanted).norm() / wanted.norm())
    levels = [plan.level_of(name) for name in fresh.attn_processors if "attn2" in name]
    save_unets(models, made)
    save_tensors(widen_adapter(load_file(str(models / ADAPTER)), plan, levels), models / ADAPTER)
    return moved


def covariance(a: Tensor, b: Tensor) -> Tensor:
    return ((a - a.mean(1, keepdim=True)) * (b - b.mean(1, keepdim=True))).mean(1)


def norm_space(plan: Widening, name: str) -> Pair:
    if name == "conv_norm_out":
        return plan.level(0)
    if name.endswith(".norm1"):
        return plan.before(name.removesuffix(".norm1"))
    return plan.level(plan.level_of(name))
