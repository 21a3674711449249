"""The one checkpoint of this host."""

import hashlib
import os

from modules import shared

checkpoints_list = {}
checkpoint_aliases = checkpoint_alisases = {}
FULL_HASH_LIMIT = 256 << 20


class CheckpointInfo:
    """filename: the file that holds the UNet; name: what users call it."""

    def __init__(self, filename, name):
        self.filename, self.name = str(filename), name
        self.name_for_extra = self.model_name = os.path.splitext(name)[0]
        self.hash = self.shorthash = model_hash(self.filename)
        self.sha256 = None
        self.title = f"{name} [{self.shorthash}]"
        self.short_title = f"{self.name_for_extra} [{self.shorthash}]"
        self.metadata = {}
        self.ids = [self.title, self.name, self.name_for_extra, self.shorthash, self.filename]

    def register(self):
        checkpoints_list[self.title] = self
        for name in self.ids:
            checkpoint_aliases[name] = self


def model_hash(filename):
    """First 10 digits of the SHA-256 of a small file; of a large one A1111's old 8-digit hash of a part of it."""
    with open(filename, "rb") as file:
        if os.path.getsize(filename) <= FULL_HASH_LIMIT:
            return hashlib.sha256(file.read()).hexdigest()[:10]
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


class ModelData:
    def get_sd_model(self):
        return shared.sd_model

    sd_model = property(get_sd_model)


model_data = ModelData()


def set_model(model):
    """Make a loaded checkpoint the host's one."""
    checkpoints_list.clear()
    checkpoint_aliases.clear()
    model.sd_checkpoint_info.register()
    shared.sd_model = model
    shared.opts.sd_model_checkpoint = model.sd_checkpoint_info.title


def select_checkpoint():
    return next(iter(checkpoints_list.values()), None)


def get_closet_checkpoint_match(search_string):
    return checkpoint_aliases.get(search_string)


get_closest_checkpoint_match = get_closet_checkpoint_match


def checkpoint_tiles(use_short=False):
    return [info.short_title if use_short else info.title for info in checkpoints_list.values()]


def list_models():
    return list(checkpoints_list)


def forge_model_reload():
    return shared.sd_model, False


def reload_model_weights(*args, **kwargs):
    return shared.sd_model


def unload_model_weights(*args, **kwargs):
    return shared.sd_model


def send_model_to_device(model):
    return model
