"""dev.py bench --webui: what it asks a WebUI for, and what it makes of the answers."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sd_relight.benchmarks import report, webui_cost
from sd_relight.lib_relight.base.errors import RelightError

pytestmark = pytest.mark.same_everywhere
STEP, FIXED = 0.01, 0.02


class FakeWebui(BaseHTTPRequestHandler):
    """Answers after a time that grows with the steps; knows no image prompts."""

    def do_POST(self):
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(payload)
        request = payload.get("alwayson_scripts", {}).get("Relight", {}).get("args", [{}])[0]
        time.sleep(FIXED + STEP * payload["steps"])
        status, answer = (422, b"No image encoder was found.") if "ip_adapter" in request else (200, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def webui():
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeWebui)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_reports_spread_machine_and_what_was_asked(webui, parse, tmp_path):
    address, paths = f"http://127.0.0.1:{webui.server_port}", {"out": tmp_path / "a.md", "json": tmp_path / "a.json"}
    files = [str(word) for name, path in paths.items() for word in (f"--{name}", path)]
    words = ["bench", "--webui", address, "--rounds", "2", "--steps", "4", "--seed", "6", "--size", "128", *files]
    assert report.run(parse(*words)) == 0
    assert {(job["seed"], job["width"], job["height"]) for job in webui.asked} == {(6, 128, 128)}
    assert {job["steps"] for job in webui.asked} == {1, 4} and len(webui.asked) == 3 + 2 * 2 * 3
    text, found = paths["out"].read_text(), json.loads(paths["json"].read_text())
    assert (found["steps"], found["seed"], found["size"], found["unit"]) == (4, 6, 128, "seconds by the clock")
    assert found["machine"]["torch"] and found["machine"]["load average"] and f"torch {found['machine']['torch']}" in text
    assert list(found["seconds"]) == ["plain", "fc"] and "No image encoder" in found["notes"][0] and found["notes"][0] in text
    assert all(row["second job"] >= FIXED + STEP for rows in found["seconds"].values() for row in rows)
    assert "| plain |" in text and "1.000 (1.000 to 1.000)" in text, "ratios with their quartiles"


def test_a_picture_of_the_figures(webui, parse, tmp_path):
    pytest.importorskip("matplotlib")
    address, path = f"http://127.0.0.1:{webui.server_port}", tmp_path / "a.png"
    assert report.run(parse("bench", "--webui", address, "--rounds", "1", "--steps", "2", "--plot", str(path))) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_fixed_cost_of_a_webui_is_the_rest_of_a_job_of_one_step(monkeypatch):
    asked = []

    def post(url, payload, clock):
        asked.append(payload)
        return 2.0 + payload["steps"]

    monkeypatch.setattr(webui_cost, "post", post)
    found = webui_cost.rounds_of("url", {"plain": {}, "fc": {}}, 2)
    assert found["fc"] == found["plain"] == [{"first job": 3.0, "second job": 3.0, "per step": 1.0, "fixed": 2.0}] * 2
    ratio = "1.000 (1.000 to 1.000)"
    assert f"| fc | 3.000 (3.000 to 3.000) | {ratio} |" in webui_cost.table(found) and len(asked) == 12


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
