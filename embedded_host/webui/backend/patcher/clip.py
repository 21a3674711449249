"""The text encoder's patcher."""

from backend.patcher.base import ModelPatcher


class CLIP:
    def __init__(self, cond_stage_model=None, tokenizer=None, no_init=False):
        if no_init:
            return
        self.cond_stage_model, self.tokenizer = cond_stage_model, tokenizer
        self.patcher = ModelPatcher(cond_stage_model)

    def clone(self):
        other = CLIP(no_init=True)
        other.cond_stage_model, other.tokenizer = self.cond_stage_model, self.tokenizer
        other.patcher = self.patcher.clone()
        return other

    def add_patches(self, *args, **kwargs):
        return self.patcher.add_patches(*args, **kwargs)
