"""A WebUI that passes jobs on to another one, as farms do: the payload of `alwayson_scripts` goes through unchanged."""

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from contract.client import TIMEOUT, Client
from contract.subjects import fc

FORWARDED = ("prompt", "negative_prompt", "seed", "steps", "width", "height", "cfg_scale", "sampler_name", "scheduler", "save_images",
             "batch_size", "n_iter", "init_images", "denoising_strength")


def forwarding_to(url):
    class Forwarder(BaseHTTPRequestHandler):
        """Reads a job, builds a payload of its own with the job's `alwayson_scripts` in it, and returns the other host's answer."""

        def do_POST(self):
            job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            payload = {name: job[name] for name in FORWARDED if name in job} | {"alwayson_scripts": dict(job["alwayson_scripts"])}
            request = urllib.request.Request(url + self.path, json.dumps(payload).encode(), {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                    self.reply(answer.status, answer.read())
            except urllib.error.HTTPError as error:
                self.reply(error.code, error.read())

        def reply(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Forwarder


@pytest.fixture
def through_another(client):
    """A client of a server that forwards to the host."""
    with ThreadingHTTPServer(("127.0.0.1", 0), forwarding_to(client.url)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        forwarded = Client(client.process)
        forwarded.url = f"http://127.0.0.1:{server.server_port}"
        yield forwarded
        server.shutdown()


@pytest.mark.parametrize("fields", [
    {"light": "left", "light_color": "#ffb46b"},
    {"set": "sweep", "set_frames": 2, "light": "left", "lights": [{"light": "spot", "light_x": 0.25}], "set_file": "webp"}])
def test_jobs_that_are_passed_on(client, through_another, fields):
    direct, forwarded = (one.send(relight=fc(**fields)) for one in (client, through_another))
    assert forwarded.png == direct.png and len(direct.png) >= 1


def test_errors_that_are_passed_on(client, through_another):
    direct, forwarded = (one.send(relight=fc(light="lefft")) for one in (client, through_another))
    assert (forwarded.status, forwarded.body["detail"]) == (direct.status, direct.body["detail"]) and direct.status == 422
