"""The Script class that extensions derive from, and what its hooks are given."""

import re

AlwaysVisible = object()


class MaskBlendArgs:
    """Latents of one inpaint blend; the final one has no denoiser."""

    def __init__(self, current_latent, nmask, init_latent, mask, blended_latent, denoiser=None, sigma=None):
        self.current_latent, self.nmask, self.init_latent, self.mask = current_latent, nmask, init_latent, mask
        self.blended_latent, self.denoiser, self.sigma = blended_latent, denoiser, sigma
        self.is_final_blend = denoiser is None


class PostSampleArgs:
    def __init__(self, samples):
        self.samples = samples


class PostprocessImageArgs:
    def __init__(self, image, index):
        self.image, self.index = image, index


class PostProcessMaskOverlayArgs:
    def __init__(self, index, mask_for_overlay, overlay_image):
        self.index, self.mask_for_overlay, self.overlay_image = index, mask_for_overlay, overlay_image


class PostprocessBatchListArgs:
    def __init__(self, images):
        self.images = images


class OnComponent:
    def __init__(self, component):
        self.component = component


def _hook(self, p, *args, **kwargs):
    pass


class Script:
    """One script of an extension; one object for each tab and the process's life."""

    name = section = filename = args_from = args_to = tabname = group = None
    infotext_fields = paste_field_names = api_info = controls = None
    on_before_component_elem_id = on_after_component_elem_id = None
    alwayson = is_txt2img = is_img2img = setup_for_ui_only = False
    create_group = True
    sorting_priority = 0

    def title(self):
        raise NotImplementedError()

    def ui(self, is_img2img):
        """Make the gradio components; those returned are the arguments of every hook."""

    def show(self, is_img2img):
        """False: not here; True: in the scripts dropdown; AlwaysVisible: always."""
        return True

    def run(self, p, *args):
        """Only for a script chosen in the dropdown: does the whole job and returns a Processed."""

    setup = before_process = process = before_process_init_images = before_process_batch = _hook
    after_extra_networks_activate = process_batch = process_before_every_sampling = before_hr = _hook
    on_mask_blend = post_sample = postprocess_batch = postprocess_batch_list = postprocess_image = _hook
    postprocess_maskoverlay = postprocess_image_after_composite = postprocess = _hook

    def before_component(self, component, **kwargs):
        pass

    def after_component(self, component, **kwargs):
        pass

    def on_before_component(self, callback, *, elem_id):
        self.on_before_component_elem_id = [*(self.on_before_component_elem_id or []), (elem_id, callback)]

    def on_after_component(self, callback, *, elem_id):
        self.on_after_component_elem_id = [*(self.on_after_component_elem_id or []), (elem_id, callback)]

    def describe(self):
        return ""

    def elem_id(self, item_id):
        """`script_txt2img_<title>_<item>`; without the tab when the script is shown in one tab only."""
        tab = ("img2img_" if self.is_img2img else "txt2img_") if self.show(True) == self.show(False) else ""
        title = re.sub(r"[^a-z_0-9]", "", re.sub(r"\s", "_", self.title().lower()))
        return f"script_{tab}{title}_{item_id}"


class ScriptBuiltinUI(Script):
    setup_for_ui_only = True

    def show(self, is_img2img):
        return AlwaysVisible

    def elem_id(self, item_id):
        tab = ("img2img_" if self.is_img2img else "txt2img_") if self.show(True) == self.show(False) else ""
        return f"{tab}{item_id}"
