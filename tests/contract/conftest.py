"""The same tests for every host: the embedded one, and with --webui PATH a real checkout."""

import re

import pytest
from contract import differences
from contract.client import Client
from contract.processes import EmbeddedHost, WebuiHost

NEEDED = ("{host} has no IC-Light {kind} model: put iclight_sd15_{kind}.safetensors into its models/iclight folder and an SD 1.5 "
          "checkpoint where it looks for checkpoints (RELIGHT_WEBUI_ARGS can give --ckpt-dir), then run again.")
BLANK = ("{host}'s plain image has one colour only, so that no comparison of images would say anything. Random weights do that when the "
         "text encoder's last norm has no bias: the host's emphasis divides by the mean of its output.")
_hosts = {}
_failed: dict[str, dict[str, bool]] = {}


def pytest_generate_tests(metafunc):
    if "client" in metafunc.fixturenames:
        path = metafunc.config.getoption("--webui")
        marked = pytest.param("webui", marks=pytest.mark.webui)
        metafunc.parametrize("client", ["embedded", marked] if path else ["embedded"], indirect=True, scope="session")


def pytest_collection_modifyitems(items):
    """What only a real host has (its own extensions, an SDXL checkpoint) is not tried on the embedded one."""
    items[:] = [item for item in items if not (
        item.get_closest_marker("real_host") and item.callspec.params["client"] == "embedded")]


@pytest.fixture(scope="session")
def client(request, webui_path, tmp_path_factory):
    """HTTP client of a running host, in which one plain job has been made before anything else."""
    folder = tmp_path_factory.mktemp(request.param)
    with EmbeddedHost(folder) if request.param == "embedded" else WebuiHost(folder, webui_path) as process:
        client = Client(process)
        _hosts[request.param] = client
        client.startup = process.console()
        client.plain = client.send()
        require_models(client)
        yield client


def require_models(client) -> None:
    assert client.plain.status == 200, f"{client.name} makes no plain image: {client.plain.text[:300]}"
    assert client.plain.pixels().std() > 1, BLANK.format(host=client.name)
    for kind, body in (("fc", {"model": "fc"}), ("fbc", {"model": "fbc"})):
        reply = client.send(relight={"iclight": body})
        if f"No IC-Light {kind} model" in reply.text:
            pytest.exit(NEEDED.format(host=client.name, kind=kind), returncode=3)


@pytest.fixture
def undone(client):
    """After the test a plain job must be what it was before Relight was ever enabled, byte for byte."""
    yield
    assert client.send().png == client.plain.png, "the plain job has changed"


@pytest.fixture
def upscaler(client):
    """A hires upscaler that the host has: Latent, or the host's own None."""
    if any(mode["name"] == "Latent" for mode in client.get("/sdapi/v1/latent-upscale-modes")):
        return "Latent"
    differences.met(client, "no latent upscaler")
    return "None"


def pytest_runtest_logreport(report):
    """Only of the tests below this folder, whatever path they are named by."""
    host = next((name for name in ("embedded", "webui") if re.search(rf"[\[-]{name}[\]-]", report.nodeid)), None)
    if host is not None and (report.failed or report.when == "call" and report.passed):
        outcomes = _failed.setdefault(host, {})
        outcomes[report.nodeid] = outcomes.get(report.nodeid, False) or report.failed


def pytest_terminal_summary(terminalreporter):
    if not _hosts:
        return
    terminalreporter.section("contract")
    lines = ["| host | commit | passed | expected differences | failed |", "|---|---|---|---|---|"]
    for key, client in _hosts.items():
        failed = list(_failed.get(key, {}).values())
        met = differences.count(client.name)
        lines.append(f"| {client.name} | {client.process.commit} | {failed.count(False)} | {met} | {failed.count(True)} |")
    terminalreporter.write_line("\n".join([*lines, "", differences.table()]))
