"""Empty on purpose: Forge keeps its command line here."""
