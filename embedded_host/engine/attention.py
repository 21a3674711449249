"""Attention of the UNet's transformer blocks: the plain product, and a diffusers processor that runs attention patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

PATCHES, REPLACEMENTS = "patches", "patches_replace"


def attention_function(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Return softmax(q kᵀ / √d) v for each head.

    q: [B, L, C]; k, v: [B, S, C], heads side by side in C; mask: broadcastable to [B, heads, L, S]. Returns [B, L, C].
    """
    q, k, v = (tokens.unflatten(-1, (heads, -1)).transpose(1, 2) for tokens in (q, k, v))
    return scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(-2)


class PatchedAttention:
    """Replaces the processor of one diffusers Attention layer; without patches it runs the processor it replaced.

    running: shared by all processors of a UNet; "options" are the transformer_options of the forward pass in progress.
    layer: "attn1" (self-attention) or "attn2" (cross-attention).
    """

    def __init__(self, plain: Callable[..., Tensor], running: dict[str, dict], layer: str):
        self.plain, self.running, self.layer = plain, running, layer

    def __call__(self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None, *args: Any,
                 **kwargs: Any) -> Tensor:
        options = self.running.get("options") or {}
        before, after = (options.get(PATCHES, {}).get(f"{self.layer}_{name}", ()) for name in ("patch", "output_patch"))
        replacement = self._replacement(options)
        if not (before or after or replacement):
            return self.plain(attn, hidden_states, encoder_hidden_states, *args, **kwargs)
        extra = {key: value for key, value in options.items() if key not in (PATCHES, REPLACEMENTS)}
        extra |= {"n_heads": attn.heads, "dim_head": attn.to_q.out_features // attn.heads}
        query = hidden_states
        key = value = query if encoder_hidden_states is None else encoder_hidden_states
        for patch in before:
            query, key, value = patch(query, key, value, extra)
            value = key if value is None else value
        q, k, v = attn.to_q(query), attn.to_k(key), attn.to_v(value)
        out = replacement(q, k, v, extra) if replacement else attention_function(q, k, v, attn.heads)
        for project in attn.to_out:
            out = project(out)
        for patch in after:
            out = patch(out, extra)
        return out

    def _replacement(self, options: dict) -> Callable[..., Tensor] | None:
        """Return the function registered for this block and transformer, else for this block, else None."""
        table, block = options.get(REPLACEMENTS, {}).get(self.layer), options.get("block")
        if not table or block is None:
            return None
        exact = (*block, options.get("block_index", 0))
        return table.get(exact, table.get(tuple(block)))
