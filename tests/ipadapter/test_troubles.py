"""Tests that the tests named in README.md's list of known problems exist."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
NAMED = sorted(set(re.findall(r"`(test_\w+)::(test_\w+)`", Path(__file__).with_name("README.md").read_text("utf-8"))))


@pytest.mark.parametrize("module, name", NAMED)
def test_it_exists(module, name):
    assert any(f"\ndef {name}(" in path.read_text("utf-8") for path in TESTS.rglob(f"{module}.py"))


def test_the_list_was_read():
    assert len(NAMED) > 25
