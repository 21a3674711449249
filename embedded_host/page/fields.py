"""The page's generation settings: one line for each component, with its processing field and infotext key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

RESIZE_MODES = ["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
FILL_MODES = ["fill", "original", "latent noise", "latent nothing"]
MASK_MODES = ["Inpaint masked", "Inpaint not masked"]
INPAINT_AREAS = ["Whole picture", "Only masked"]
HIRES_KEYS = ("Hires upscale", "Hires resize-1", "Hires upscaler", "Hires steps")


class Fields:
    """A tab's components in the order in which a job receives their values."""

    def __init__(self, tab: str):
        self.tab = tab
        self.by_name: dict[str, Any] = {}
        self.pasted: list[tuple[Any, Any, str]] = []

    def add(self, name: str, component: Any, infotext: str | Callable | None = None) -> Any:
        """Register a component as a processing field; infotext: its key, or a function for the paste button."""
        self.by_name[name] = component
        if infotext is not None:
            self.pasted.append((component, infotext, name))
        return component

    @property
    def names(self) -> list[str]:
        return list(self.by_name)

    @property
    def components(self) -> list[Any]:
        return list(self.by_name.values())

    def values(self, args: Sequence[Any]) -> dict[str, Any]:
        """Return the fields of a job from the page's values, which come first among its arguments."""
        return dict(zip(self.by_name, args, strict=False))


def add_basics(fields: Fields, gr: Any) -> None:
    """Add steps, sampler, size, batch, guidance and seed, with the WebUIs' elem ids."""
    from modules import sd_samplers, sd_schedulers

    tab = fields.tab
    with gr.Row():
        fields.add("sampler_name", gr.Dropdown(sd_samplers.visible_sampler_names(), label="Sampling method",
                                               value=sd_samplers.visible_sampler_names()[0],
                                               elem_id=f"{tab}_sampling"), "Sampler")
        labels = [scheduler.label for scheduler in sd_schedulers.schedulers]
        fields.add("scheduler", gr.Dropdown(labels, label="Schedule type", value=labels[0],
                                            elem_id=f"{tab}_scheduler"), "Schedule type")
        fields.add("steps", gr.Slider(1, 150, 20, step=1, label="Sampling steps", elem_id=f"{tab}_steps"), "Steps")
    with gr.Row():
        fields.add("width", gr.Slider(64, 2048, 512, step=8, label="Width", elem_id=f"{tab}_width"), "Size-1")
        fields.add("height", gr.Slider(64, 2048, 512, step=8, label="Height", elem_id=f"{tab}_height"), "Size-2")
    with gr.Row():
        fields.add("n_iter", gr.Slider(1, 100, 1, step=1, label="Batch count", elem_id=f"{tab}_batch_count"))
        fields.add("batch_size", gr.Slider(1, 8, 1, step=1, label="Batch size", elem_id=f"{tab}_batch_size"),
                   "Batch size")
    with gr.Row():
        fields.add("cfg_scale", gr.Slider(1, 30, 7.0, step=0.1, label="CFG Scale", elem_id=f"{tab}_cfg_scale"),
                   "CFG scale")
        fields.add("seed", gr.Number(-1, label="Seed (−1: random)", precision=0, elem_id=f"{tab}_seed"), "Seed")


def add_hires(fields: Fields, gr: Any, InputAccordion: Any) -> None:
    """Add the second pass: upscaler, factor, steps, denoising strength."""
    from modules import shared

    upscalers = [*shared.latent_upscale_modes, *(entry.name for entry in shared.sd_upscalers)]
    with InputAccordion(False, label="Hires. fix", elem_id="txt2img_hr") as enable:
        with gr.Row():
            fields.add("hr_upscaler", gr.Dropdown(upscalers, label="Upscaler", value=shared.latent_upscale_default_mode,
                                                  elem_id="txt2img_hr_upscaler"), "Hires upscaler")
            fields.add("hr_scale", gr.Slider(1, 4, 2.0, step=0.05, label="Upscale by", elem_id="txt2img_hr_scale"),
                       "Hires upscale")
        with gr.Row():
            fields.add("hr_second_pass_steps", gr.Slider(0, 150, 0, step=1, label="Hires steps",
                                                         elem_id="txt2img_hires_steps"), "Hires steps")
            fields.add("denoising_strength", gr.Slider(0, 1, 0.7, step=0.01, label="Denoising strength",
                                                       elem_id="txt2img_denoising_strength"), "Denoising strength")
    fields.add("enable_hr", enable, was_hires)


def was_hires(params: dict) -> bool:
    """Whether infotext is of an image made in two passes."""
    return "Denoising strength" in params and any(params.get(key) for key in HIRES_KEYS)


def add_source(fields: Fields, gr: Any) -> Any:
    """Add img2img's init image and mask; returns the image component."""
    with gr.Row():
        with gr.Column():
            image = gr.Image(label="Image", source="upload", type="pil", image_mode="RGBA", elem_id="img2img_image",
                             height=320)
        mask = gr.Image(label="Mask (optional; white is redrawn)", source="upload", type="pil", image_mode="RGBA",
                        elem_id="img_inpaint_mask", height=320)
    fields.add("init_image", image)
    fields.add("mask", mask)
    return image


def add_img2img(fields: Fields, gr: Any) -> None:
    """Add resize mode, denoising strength and how the mask is used."""
    fields.add("resize_mode", gr.Radio(RESIZE_MODES, value=RESIZE_MODES[0], type="index", label="Resize mode",
                                       elem_id="resize_mode"), "Resize mode")
    fields.add("denoising_strength", gr.Slider(0, 1, 0.75, step=0.01, label="Denoising strength",
                                               elem_id="img2img_denoising_strength"), "Denoising strength")
    with gr.Accordion("Mask", open=False, elem_id="inpaint_controls"):
        fields.add("mask_blur", gr.Slider(0, 64, 4, step=1, label="Mask blur", elem_id="img2img_mask_blur"),
                   "Mask blur")
        radios = [("inpainting_mask_invert", MASK_MODES, 0, "Mask mode", "img2img_mask_mode"),
                  ("inpainting_fill", FILL_MODES, 1, "Masked content", "img2img_inpainting_fill"),
                  ("inpaint_full_res", INPAINT_AREAS, 0, "Inpaint area", "img2img_inpaint_full_res")]
        for name, choices, start, label, elem_id in radios:
            fields.add(name, gr.Radio(choices, value=choices[start], type="index", label=label, elem_id=elem_id), label)
        fields.add("inpaint_full_res_padding", gr.Slider(0, 256, 32, step=4, label="Only masked padding, pixels",
                                                         elem_id="img2img_inpaint_full_res_padding"),
                   "Masked area padding")
