"""What the user is told: one sentence with what is wrong, which value, and what to do."""

from __future__ import annotations

from ...lib_common.errors import UserError


class RelightError(Exception):
    """A mistake or a missing thing that stops the job. `detail` is the sentence, `status_code` the API's answer."""

    def __init__(self, sentence: str, status_code: int = 422):
        super().__init__(sentence)
        self.detail = sentence
        self.status_code = status_code


USER_ERRORS = (RelightError, UserError)


def sentence_of(error: Exception) -> str:
    """The sentence of a user error; for our own bugs the exception's name, so that it can be reported."""
    if isinstance(error, USER_ERRORS):
        return str(error)
    return f"Relight failed inside ({type(error).__name__}: {error}); the console has the traceback, please report it."
