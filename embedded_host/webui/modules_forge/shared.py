"""Folders of ControlNet models, empty here."""

controlnet_dir = ""
supported_preprocessors = {}


def add_supported_preprocessor(preprocessor):
    supported_preprocessors[preprocessor.name] = preprocessor
