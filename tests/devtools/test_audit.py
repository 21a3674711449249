"""The audit's verdict: vulnerabilities fail it, unreachable data skips it with a sentence."""

import importlib.util
import json

import pytest


@pytest.fixture
def audit(repo_root):
    spec = importlib.util.spec_from_file_location("audit", repo_root / "devtools/audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("report", "code", "line"), [
    (json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}), 0, "1 packages have no known vulnerability"),
    (json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1"}]}]}), 1, "a 1: CVE-1"),
    (json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found"}]}), 0,
     "SKIPPED pip-audit: the package index has no vulnerability data"),
    ("ConnectionError", 0, "SKIPPED pip-audit: its data cannot be reached (ConnectionError)"),
])
def test_verdict(audit, report, code, line):
    assert audit.summary(report) == (code, line)


def test_what_is_audited(audit):
    assert any(line.startswith("pytest==") for line in audit.installed_versions())
