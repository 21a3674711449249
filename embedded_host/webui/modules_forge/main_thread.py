"""Where Forge keeps what a job raised last. Needed by lib_relight/hosts/failures.py, which tells Forge from reForge by it."""

last_exception = None
