"""Settings of the attacks: the same examples in every run, no time limit for one, and their counts in the summary.

The examples come from our own strategies, which keep jobs small.
"""

import json
from collections import Counter

import pytest
import requests
from hypothesis import HealthCheck, settings

settings.register_profile("attack", derandomize=True, deadline=None, database=None, print_blob=True,
                          suppress_health_check=list(HealthCheck))
settings.load_profile("attack")
COUNTS: Counter[str] = Counter()
LONGEST_SECONDS = 30
PART = "of which "
"""Begins a line that counts some of another line's requests again."""


@pytest.fixture(scope="session")
def count():
    """count("jobs: 200") adds one to a line of the summary."""
    def add(kind):
        COUNTS[kind] += 1

    return add


@pytest.fixture(scope="session")
def counts():
    return COUNTS


@pytest.fixture(scope="session")
def attacked(tmp_path_factory):
    """An embedded host of its own, whose only matting model is quick."""
    from api.serving import MATTING_MODELS, embedded_host

    with embedded_host(tmp_path_factory.mktemp("attacked"), {"quick": MATTING_MODELS["quick"]}) as process:
        yield process


@pytest.fixture(scope="session")
def send(attacked, count):
    """send(path, body) -> (status, answer). Fails for 500, for an answer after 30 s, and for an error without a sentence."""
    session = requests.Session()

    def post(path, body, method="POST"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = session.request(method, attacked.url + path, data=data, timeout=LONGEST_SECONDS,
                                headers={"content-type": "application/json"})
        assert reply.status_code < 500 or reply.status_code == 507, f"{reply.status_code} {reply.text[:500]}"
        answer = reply.json()
        if reply.status_code >= 400:
            assert answer["detail"] and len(str(answer["detail"])) < 2000
        count(f"{path.removeprefix('/relight/v1').removeprefix('/sdapi/v1')}: {reply.status_code}")
        return reply.status_code, answer

    yield post
    assert "Traceback" not in attacked.console(), attacked.console()[attacked.console().index("Traceback") - 500:][:4000]


def pytest_terminal_summary(terminalreporter):
    if COUNTS:
        terminalreporter.section("attack")
        terminalreporter.write_line("\n".join(f"{number:6} {kind}" for kind, number in sorted(COUNTS.items())))
        terminalreporter.write_line(f"{sum(number for kind, number in COUNTS.items() if not kind.startswith(PART)):6} in all")
