"""The extension folders given to `boot`."""

import os
from collections import namedtuple

from modules import paths

ScriptFile = namedtuple("ScriptFile", ["basedir", "filename", "path"])
extensions = []


class Extension:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        self.canonical_name = self.name.lower()
        self.enabled = True
        self.is_builtin = False
        self.version = self.branch = self.remote = self.commit_hash = ""
        self.commit_date = None

    def list_files(self, subdir, extension):
        """Files of `subdir` that end in `extension`, by name."""
        folder = os.path.join(self.path, subdir)
        if not os.path.isdir(folder):
            return []
        return [ScriptFile(self.path, name, os.path.join(folder, name)) for name in sorted(os.listdir(folder))
                if os.path.splitext(name)[1].lower() == extension]

    def read_info_from_repo(self):
        pass


def list_extensions():
    extensions[:] = [Extension(path) for path in paths.extension_dirs]


def active():
    return [extension for extension in extensions if extension.enabled]
