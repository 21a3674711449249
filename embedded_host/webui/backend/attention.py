"""The host's attention function. Needed by: lib_relight/hosts/forge.py, tests/contract/probe_extension."""

from sd_relight.embedded_host.engine.attention import attention_function  # noqa: F401
