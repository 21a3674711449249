"""A regular package under a name that Relight has too: it wins over every other on sys.path."""

NAME = "I belong to the probe"
