"""dev.py bench: what its rows count, and its figures of a running WebUI."""

import json
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from sd_relight.benchmarks import report, webui_cost
from sd_relight.benchmarks.original import Original
from sd_relight.benchmarks.other_ways import OtherWays
from sd_relight.lib_relight.base.errors import RelightError

pytestmark = pytest.mark.same_everywhere
KINDS = (report.PLAIN, report.LIGHT, report.SET, report.SEPARATE)
ARGS = {"models": None, "device": "cpu", "webui": None, "steps": 1, "size": 64, "rounds": 1, "full": False, "plot": None}


@pytest.fixture
def written(session, tmp_path, monkeypatch):
    """Run the benchmark with three kinds of job; get its table and its JSON."""
    monkeypatch.setattr(report, "Session", lambda models, device: session)
    all_jobs = report.jobs
    monkeypatch.setattr(report, "jobs", lambda *args: {name: job for name, job in all_jobs(*args).items() if name in KINDS})
    paths = {"out": tmp_path / "table.md", "json": tmp_path / "costs.json"}
    assert report.run(SimpleNamespace(**ARGS, **paths)) == 0
    return paths["out"].read_text(), json.loads(paths["json"].read_text())


def test_a_second_job_reads_encodes_and_merges_nothing(written):
    table, found = written
    costs = {name: rounds[0] for name, rounds in found["costs"].items()}
    assert list(costs) == [*KINDS, report.ORIGINAL, report.HABIT]
    counts = {name: tuple(costs[name]["cold"][field] for field in report.COUNTS) for name in KINDS}
    assert counts == {report.PLAIN: (0, 0, 0), report.LIGHT: (1, 2, 686), report.SET: (1, 9, 686), report.SEPARATE: (8, 16, 8 * 686)}
    assert [costs[report.HABIT]["warm"][field] for field in report.COUNTS] == [1, 2, 686]
    assert all(costs[name]["warm"][field] == 0 for name in KINDS for field in report.COUNTS)
    assert all(0 < cost["warm"]["before_first_step"] < cost["warm"]["total"] for cost in costs.values())
    assert "| fc |" in table and "set of eight lights, to eight jobs, one for each light: warm " in table and found["machine"]["torch"]


def test_fixed_cost_of_a_webui_is_the_rest_of_a_job_of_one_step(monkeypatch):
    asked = []

    def post(url, payload, clock):
        asked.append(payload)
        return 2.0 + payload["steps"]

    monkeypatch.setattr(webui_cost, "post", post)
    found = webui_cost.rounds_of("url", {"plain": {}, "fc": {}}, 2)
    assert found["fc"] == found["plain"] == [{"first job": 3.0, "second job": 3.0, "per step": 1.0, "fixed": 2.0}] * 2
    assert "| fc | 3.000 | 3.000 | 1.000 | 2.000 |" in webui_cost.table(found) and len(asked) == 12


def test_a_kind_that_the_webui_rejects_is_left_out_and_named(monkeypatch):
    def post(url, payload):
        if payload.get("fails"):
            raise RelightError("No image encoder was found.")

    monkeypatch.setattr(webui_cost, "post", post)
    kinds, notes = webui_cost.usable("url", {"plain": {}, "fc": {"fails": True}})
    assert (kinds, notes) == ({"plain": {}}, ["fc is left out: No image encoder was found."])
    with pytest.raises(RelightError, match="No image encoder"):
        webui_cost.usable("url", {"plain": {"fails": True}})


def test_a_webui_that_does_not_answer_is_one_sentence():
    with pytest.raises(RelightError, match="--webui: http://127.0.0.1:9/x does not answer .*; start it with --api"):
        webui_cost.post("http://127.0.0.1:9/x", {})


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process is Linux' own")
def test_processor_time_of_another_process():
    """One that sleeps uses none, whatever this one does meanwhile; one that computes does; one that has ended has no clock."""
    sleeper, worker = (subprocess.Popen([sys.executable, "-c", f"print(1, flush=True)\n{body}"], stdout=subprocess.PIPE)
                       for body in ("import time; time.sleep(60)", "while True: pass"))
    try:
        clocks = []
        for process in (sleeper, worker):
            process.stdout.readline()
            clocks.append(webui_cost.processor_clock(process.pid))
        before, deadline = [clock() for clock in clocks], time.monotonic() + 30
        while clocks[1]() < before[1] + 0.2 and time.monotonic() < deadline:
            pass
        assert clocks[1]() >= before[1] + 0.2 and clocks[0]() < before[0] + 0.05
    finally:
        for process in (sleeper, worker):
            process.kill()
            process.communicate()
    with pytest.raises(RelightError, match=f"--pid: no process {worker.pid} runs here; give the number"):
        clocks[1]()


def test_the_habit_of_other_extensions_leaves_the_weights_as_they_were(session):
    original, case = Original(session.host.model), report.base_case(session.models, 1, 64)
    other = OtherWays(original, case, session.models / "iclight_fc.safetensors", "cpu")
    before = {key: value.clone() for key, value in other.unmerged.state_dict().items()}
    assert max(float((before[key] - value).abs().max()) for key, value in original.plain.state_dict().items() if key != "conv_in.weight") < 1e-5
    other.as_habit()
    assert all(torch.equal(before[key], value) for key, value in other.unmerged.state_dict().items())
