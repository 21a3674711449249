"""The error type for models, payloads and settings that the embedded host rejects."""


class HostError(ValueError):
    """One sentence: what is wrong, which value or file, what to do. The API answers 422 with it in `detail`."""

    def __init__(self, message: str):
        super().__init__(message)
        self.detail = message
        self.status_code = 422
