"""The base of all patchers. Needed by: lib_relight/hosts/forge.py, which tells Forge from Neo by its methods."""

from sd_relight.embedded_host.engine.patcher import ModelPatcher  # noqa: F401
