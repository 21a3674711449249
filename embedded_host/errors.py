"""The one error of this host that a user can cause."""


class HostError(ValueError):
    """One sentence: what is wrong, which file, what to do."""

    status_code = 422

    @property
    def detail(self):
        return str(self)
