"""Prompts to conditions. No prompt editing and no AND: see the README."""

from backend.text_processing.parsing import parse_prompt_attention  # noqa: F401


class SdConditioning(list):
    """A list of prompts with the size they are for."""

    def __init__(self, prompts, is_negative_prompt=False, width=None, height=None, copy_from=None, distilled_cfg_scale=None):
        super().__init__(prompts)
        self.is_negative_prompt, self.width, self.height = is_negative_prompt, width, height


def get_learned_conditioning(model, prompts, steps, hires_steps=None, use_old_scheduling=False):
    """float32 [B, 77·chunks, D]."""
    return model.get_learned_conditioning(prompts)


get_multicond_learned_conditioning = get_learned_conditioning
