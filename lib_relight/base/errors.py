"""Validation errors: one sentence with what is wrong, which value, and what to do."""

from __future__ import annotations

from ...lib_common.errors import UserError

__all__ = ["RelightError", "UserError", "message_for", "shortened"]

LONGEST_MESSAGE = 480


class RelightError(UserError):
    """A user error of the extension. detail: the sentence; status_code: of the API's answer."""

    def __init__(self, sentence: str, status_code: int = 422):
        super().__init__(sentence)
        self.detail = sentence
        self.status_code = status_code


def message_for(error: Exception) -> str:
    """Return the sentence of a user error, or for our own bugs one with the exception's name to be reported; see shortened."""
    if isinstance(error, UserError):
        return shortened(str(error))
    return shortened(f"Relight failed inside ({type(error).__name__}: {str(error)[:200]}); the console has the traceback, please "
                     "report it.")


def shortened(sentence: str) -> str:
    """Return at most LONGEST_MESSAGE characters that can be printed, for sentences that quote values of a request."""
    text = sentence.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE - 3]}..."
