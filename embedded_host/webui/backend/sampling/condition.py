"""Values of `c`, the UNet's condition for a chunk of rows."""

import math

import torch


def repeat_to_batch_size(tensor, batch_size):
    """The first batch_size rows, repeated from the start where there are fewer."""
    if tensor.shape[0] < batch_size:
        tensor = tensor.repeat([math.ceil(batch_size / tensor.shape[0])] + [1] * (tensor.ndim - 1))
    return tensor[:batch_size]


class Condition:
    def __init__(self, cond):
        self.cond = cond

    def process_cond(self, batch_size, device, **kwargs):
        return type(self)(repeat_to_batch_size(self.cond, batch_size).to(device))

    def can_concat(self, other):
        return self.cond.shape == other.cond.shape

    def concat(self, others):
        return torch.cat([self.cond, *(other.cond for other in others)])


class ConditionCrossAttn(Condition):
    """Token sequences: shorter ones are repeated to the least common multiple of the lengths."""

    def can_concat(self, other):
        mine, theirs = self.cond.shape, other.cond.shape
        if mine[0] != theirs[0] or mine[2] != theirs[2]:
            return False
        return math.lcm(mine[1], theirs[1]) // min(mine[1], theirs[1]) <= 4

    def concat(self, others):
        conds = [self.cond, *(other.cond for other in others)]
        length = math.lcm(*(cond.shape[1] for cond in conds))
        return torch.cat([cond.repeat(1, length // cond.shape[1], 1) for cond in conds])


class ConditionConstant(Condition):
    def process_cond(self, batch_size, device, **kwargs):
        return self

    def can_concat(self, other):
        return self.cond == other.cond

    def concat(self, others):
        return self.cond


def compile_conditions(cond):
    """[{"cross_attn", "model_conds", "strength"}] for a text condition [B, T, D]; None for None."""
    if cond is None:
        return None
    return [{"cross_attn": cond, "model_conds": {"c_crossattn": ConditionCrossAttn(cond)}, "strength": 1.0}]
