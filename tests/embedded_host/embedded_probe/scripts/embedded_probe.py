"""Records every hook and runs what a test puts into `actions`."""

import gradio as gr
from modules import scripts

calls = []
actions = {}

HOOKS = ("setup", "before_process", "process", "before_process_init_images", "before_process_batch",
         "after_extra_networks_activate", "process_batch", "process_before_every_sampling", "before_hr", "on_mask_blend",
         "post_sample", "postprocess_batch", "postprocess_batch_list", "postprocess_image", "postprocess_maskoverlay",
         "postprocess_image_after_composite", "postprocess")


class EmbeddedProbe(scripts.Script):
    def title(self):
        return "Embedded probe"

    def ui(self, is_img2img):
        return [gr.State("default"), gr.Slider(label="Amount", minimum=0, maximum=2, value=1)]

    def show(self, is_img2img):
        return scripts.AlwaysVisible


def _hook(name):
    def hook(self, p, *args, **kwargs):
        calls.append((name, args, kwargs))
        if name in actions:
            actions[name](p, *args, **kwargs)

    return hook


for _name in HOOKS:
    setattr(EmbeddedProbe, _name, _hook(_name))
