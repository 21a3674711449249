"""Validation errors: one sentence with what is wrong, which value, and what to do."""

from __future__ import annotations

import errno

from ...lib_common.errors import UserError

__all__ = ["RelightError", "UserError", "is_bug", "is_out_of_memory", "message_for", "shortened", "status_of", "unwritable"]

LONGEST_MESSAGE = 480
UNPROCESSABLE, INTERNAL_ERROR, INSUFFICIENT_STORAGE = 422, 500, 507
OUT_OF_MEMORY = "There is not enough memory for this; use smaller images, a smaller size or a smaller batch."

OUT_OF_MEMORY_WORDS = ("DefaultCPUAllocator", "CUDA out of memory", "MPS backend out of memory", "Failed to allocate memory")


UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


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
    if is_out_of_memory(error):
        return OUT_OF_MEMORY
    if sentence := unwritable(error):
        return shortened(sentence)
    return shortened(f"Relight failed inside ({type(error).__name__}: {str(error)[:200]}); the console has the traceback, please "
                     "report it.")


def status_of(error: Exception) -> int:
    """Return the HTTP status: a UserError's own or 422, 507 for lack of memory, 500 for every other exception."""
    if isinstance(error, UserError):
        return getattr(error, "status_code", UNPROCESSABLE)
    return INSUFFICIENT_STORAGE if is_out_of_memory(error) else INTERNAL_ERROR


def is_bug(error: Exception) -> bool:
    """Return whether an exception is our own bug, whose traceback belongs on the console."""
    return not isinstance(error, UserError) and not is_out_of_memory(error) and unwritable(error) is None


def unwritable(error: Exception) -> str | None:
    """Return the message for a full disk or a place that may not be used; None for other exceptions."""
    if not isinstance(error, OSError) or error.errno not in UNWRITABLE:
        return None
    return (f"{error.filename or 'A file'} cannot be used ({error.strerror}); free some space on its disk, or check its "
            "permissions.")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether Python, torch or a GPU's driver had no memory; torch raises RuntimeError for the CPU's."""
    return (isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
            or isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY_WORDS))


def shortened(sentence: str) -> str:
    """Return at most LONGEST_MESSAGE characters that can be printed, for sentences that quote values of a request."""
    text = sentence.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE - 3]}..."
