"""What every module of a WebUI shares: options, the running job's state, the model, the upscalers."""

import argparse

from modules import devices, options, shared_options, shared_state
from modules.options import OptionInfo, options_section  # noqa: F401


class PromptStyles:
    """No styles: the API's field is accepted and leaves prompts as they are."""

    def __init__(self):
        self.styles = {}

    def apply_styles_to_prompt(self, prompt, styles):
        return prompt

    def apply_negative_styles_to_prompt(self, prompt, styles):
        return prompt


class TotalTqdm:
    """The console's progress bar, which this host does not draw."""

    def update(self):
        pass

    def updateTotal(self, total):
        pass

    def clear(self):
        pass


cmd_opts = argparse.Namespace(
    api=True, nowebui=False, api_auth=None, api_log=False, api_server_stop=False, listen=False, share=False, port=None,
    server_name=None, subpath=None, ui_debug_mode=False, data_dir="", ckpt=None, ckpt_dir=None, vae_dir=None,
    lora_dir=None, embeddings_dir="", skip_install=True, no_half=True, disable_nan_check=False, timeout_keep_alive=30,
    cors_allow_origins=None, cors_allow_origins_regex=None, gradio_allowed_path=[], no_prompt_history=True,
    unix_filenames_sanitization=False, filenames_max_length=128, lowvram=False, medvram=False, theme=None)

option_templates = options_templates = shared_options.option_templates()
opts = options.Options(option_templates)
state = shared_state.State()
prompt_styles = PromptStyles()
total_tqdm = TotalTqdm()

sd_model = None
sd_upscalers = []
face_restorers = []
hypernetworks = {}
interrogator = None
demo = None
parallel_processing_allowed = True
xformers_available = False
config_filename = "config.json"
restricted_opts = set()

latent_upscale_default_mode = "Latent"
latent_upscale_modes = {
    "Latent": {"mode": "bilinear", "antialias": False},
    "Latent (antialiased)": {"mode": "bilinear", "antialias": True},
    "Latent (bicubic)": {"mode": "bicubic", "antialias": False},
    "Latent (bicubic antialiased)": {"mode": "bicubic", "antialias": True},
    "Latent (nearest)": {"mode": "nearest", "antialias": False},
    "Latent (nearest-exact)": {"mode": "nearest-exact", "antialias": False},
}


def __getattr__(name):
    if name == "device":
        return devices.device
    raise AttributeError(f"module 'modules.shared' has no attribute '{name}'")


def reload_hypernetworks():
    pass


def refresh_checkpoints():
    from modules import sd_models

    return sd_models.list_models()


def list_checkpoint_tiles(use_short=False):
    from modules import sd_models

    return sd_models.checkpoint_tiles(use_short)


def listfiles(dirname):
    import os

    return [os.path.join(dirname, name) for name in sorted(os.listdir(dirname)) if not name.startswith(".")]


def walk_files(path, allowed_extensions=None):
    import os

    for root, _, files in os.walk(path):
        for name in sorted(files):
            if allowed_extensions is None or os.path.splitext(name)[1].lower() in allowed_extensions:
                yield os.path.join(root, name)


