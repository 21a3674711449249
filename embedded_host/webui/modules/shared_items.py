"""Lists for option panels."""

from modules import sd_models


def list_checkpoint_tiles(use_short=False):
    return sd_models.checkpoint_tiles(use_short)


def refresh_checkpoints():
    return sd_models.list_models()
