"""The error type for models, payloads and settings that the embedded host rejects."""


class HostError(ValueError):
    """One sentence: what is wrong, which value or file, what to do. The API answers 422 with the sentence in `detail`."""

    def __init__(self, sentence: str):
        super().__init__(sentence)
        self.detail = sentence
        self.status_code = 422
