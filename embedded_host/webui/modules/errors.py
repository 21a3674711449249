"""Errors of extensions go to the console and never stop a job, as in every WebUI."""

import sys
import textwrap
import traceback

exception_records = []


def record_exception():
    kind, value, trace = sys.exc_info()
    if value is None or (exception_records and exception_records[-1] is value):
        return
    exception_records.append(value)
    del exception_records[:-5]


def report(message, *, exc_info=False):
    """Print `*** message` and, with exc_info, the current traceback."""
    record_exception()
    for line in message.splitlines():
        print("***", line, file=sys.stderr)
    if exc_info:
        print(textwrap.indent(traceback.format_exc(), "    "), file=sys.stderr)
        print("---", file=sys.stderr)


def print_error_explanation(message):
    print(message, file=sys.stderr)


def display(error, task, *, full_traceback=False):
    record_exception()
    print(f"{task or 'error'}: {type(error).__name__}", file=sys.stderr)
    print("".join(traceback.format_exception(type(error), error, error.__traceback__)), file=sys.stderr)


def display_once(error, task):
    display(error, task)


def run(code, task):
    try:
        code()
    except Exception as error:
        display(error, task)
