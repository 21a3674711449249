"""The one exception of this package: a sentence that the user reads and can act on."""


class IpAdapterError(ValueError):
    """Says what is wrong, with which value, and what to do. Raised for everything that a user can cause."""
