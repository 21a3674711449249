"""An embedded host whose steps can be made to fail, with model files of its own that tests may damage."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from api.serving import ROOT, HostProcess, demo_models
from encoding import encoded
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent


def subject(hue=90):
    image = Image.new("RGBA", (96, 72))
    ImageDraw.Draw(image).ellipse((20, 10, 60, 66), fill=(220, hue, 60, 255))
    return encoded(image)


class Client:
    """Jobs on a host process. Counts the images of plain jobs that differ from the first one."""

    def __init__(self, process, models):
        self.process, self.models = process, models
        self.before = self.plain()

    def post(self, path, body=None, timeout=120):
        return requests.post(f"{self.process.url}/{path}", json=body, timeout=timeout)

    def job(self, **request):
        body = {"prompt": "a vase", "steps": 2, "width": 64, "height": 64, "seed": 7, "cfg_scale": 2.0, "sampler_name": "Euler"}
        if request:
            body["alwayson_scripts"] = {"Relight": {"args": [request]}}
        return self.post("sdapi/v1/txt2img", body)

    def plain(self):
        reply = self.job()
        assert reply.status_code == 200, reply.text
        return reply.json()["images"]

    def relit(self, hue=90, **fields):
        return self.job(iclight={"foreground": subject(hue), "light": "left", **fields})

    def at_once(self, calls):
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(lambda call: call(), calls))

    def check_plain(self):
        """The next plain job gives the bytes that it gave before the fault."""
        assert self.plain() == self.before


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    return Path(shutil.copytree(demo_models(), tmp_path_factory.mktemp("faults") / "models"))


@pytest.fixture(scope="session")
def start(models):
    """start(data folder) starts a host on the models; a context manager."""
    def make(data_dir):
        given = os.environ.get("RELIGHT_DEMO_MODELS")
        os.environ["RELIGHT_DEMO_MODELS"] = str(models)
        try:
            return HostProcess(data_dir, [ROOT, HERE / "fault_extension"])
        finally:
            os.environ.pop("RELIGHT_DEMO_MODELS") if given is None else os.environ.update(RELIGHT_DEMO_MODELS=given)

    return make


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def client(start, data_dir, models):
    with start(data_dir) as process:
        yield Client(process, models)


@pytest.fixture(autouse=True)
def plain_is_unchanged(client):
    yield
    client.check_plain()
