"""A small Forge-compatible host on diffusers: the extension's script runs under it without a WebUI."""
