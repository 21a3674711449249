"""Error messages on the console. Needed by scripts, whose errors must not stop a job, and by X/Y/Z plot scripts."""

import sys
import traceback


def report(message: str, *, exc_info: bool = False) -> None:
    """Print a message, `***` before each of its lines; exc_info: add the traceback of the exception being handled."""
    lines = [f"*** {line}" for line in message.split("\n")]
    if exc_info:
        lines += [f"    {line}" for line in traceback.format_exc().split("\n")] + ["---"]
    sys.stderr.write("\n".join(lines) + "\n")


def display(error: BaseException, task: str) -> None:
    """Print an exception with its traceback below the name of the task that raised it."""
    trace = traceback.format_exception(type(error), error, error.__traceback__)
    sys.stderr.write("".join([f"{task}: {type(error).__name__}\n", *trace]))
