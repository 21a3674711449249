"""The attention processor that serves attn1 and attn2 patches."""

import torch


class PatchedAttention:
    """Replaces the processor of one diffusers Attention.

    call: the dict shared by all processors of a UNet; its "options" are the running call's transformer_options.
    kind: "attn1" (self) or "attn2" (cross). Without patches it runs the processor that it replaced.
    """

    def __init__(self, plain, call, kind):
        self.plain, self.call, self.kind = plain, call, kind

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None, temb=None, *args, **kwargs):
        options = self.call.get("options") or {}
        patches = options.get("patches", {})
        replace = self._replacement(options)
        if replace is None and f"{self.kind}_patch" not in patches and f"{self.kind}_output_patch" not in patches:
            return self.plain(attn, hidden_states, encoder_hidden_states, attention_mask, temb, *args, **kwargs)
        extra = self._extra_options(attn, options)
        n, context, value = self._inputs(hidden_states, encoder_hidden_states, patches, extra)
        if replace is not None:
            n = replace(attn.to_q(n), attn.to_k(context), attn.to_v(value), extra)
            n = attn.to_out[1](attn.to_out[0](n))
        else:
            n = attend(attn, n, context, value)
        for patch in patches.get(f"{self.kind}_output_patch", ()):
            n = patch(n, extra)
        return n

    def _replacement(self, options):
        table = options.get("patches_replace", {}).get(self.kind, {})
        block = options.get("block")
        if not table or block is None:
            return None
        return table.get((*block, options.get("block_index", 0)), table.get(tuple(block)))

    def _inputs(self, n, context, patches, extra):
        context = n if context is None else context
        value = context
        for patch in patches.get(f"{self.kind}_patch", ()):
            n, context, value = patch(n, context, value, extra)
        return n, context, context if value is None else value

    def _extra_options(self, attn, options):
        extra = {key: value for key, value in options.items() if key not in ("patches", "patches_replace")}
        inner = attn.to_q.out_features
        return {**extra, "n_heads": attn.heads, "dim_head": inner // attn.heads}


def attend(attn, n, context, value):
    """q, k, v, scaled dot product, to_out. n: [B, L, C], context and value: [B, T, C']."""
    def split(x):
        return x.view(x.shape[0], x.shape[1], attn.heads, -1).transpose(1, 2)

    q, k, v = split(attn.to_q(n)), split(attn.to_k(context)), split(attn.to_v(value))
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    out = out.transpose(1, 2).reshape(n.shape[0], -1, attn.heads * v.shape[-1])
    return attn.to_out[1](attn.to_out[0](out))
