"""HTTP client of the contract tests, and what they read from responses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import requests
from encoding import opened
from PIL import Image

TIMEOUT = 900
BASE = {"prompt": "a vase, (red:1.2)", "negative_prompt": "blurry", "seed": 7, "steps": 2, "width": 64, "height": 64,
        "cfg_scale": 2.0, "sampler_name": "Euler", "scheduler": "Automatic", "save_images": False}
BEFORE, AFTER = "Relight contract before", "Relight contract after"


class Reply:
    """One answer of txt2img or img2img."""

    def __init__(self, reply: requests.Response):
        self.status, self.text = reply.status_code, reply.text
        self.body = reply.json() if reply.headers.get("content-type", "").startswith("application/json") else {}

    @property
    def png(self) -> list[str]:
        """The images' bytes as they came, infotext and all."""
        assert self.status == 200, self.text[:500]
        return self.body["images"]

    def image(self, index: int = 0) -> Image.Image:
        return opened(self.png[index])

    def pixels(self, index: int = 0) -> np.ndarray:
        """int [H, W, 3]"""
        return np.asarray(self.image(index).convert("RGB")).astype(int)

    @property
    def size(self) -> tuple[int, int]:
        return self.image().size

    @property
    def infotexts(self) -> list[str]:
        assert self.status == 200, self.text[:500]
        return json.loads(self.body["info"])["infotexts"]

    @property
    def proof(self) -> str:
        """What Relight says it did, as every saved image does."""
        assert self.status == 200, self.text[:500]
        text = json.loads(self.body["info"])["extra_generation_params"].get("Relight")
        assert text, "the infotext does not name Relight: a plain image in place of a relit one"
        return text


def difference(one: Reply, other: Reply, index: int = 0) -> float:
    """Mean absolute difference of two images in grey levels."""
    a, b = one.pixels(index), other.pixels(index)
    assert a.shape == b.shape, f"sizes {a.shape} and {b.shape}"
    return float(np.abs(a - b).mean())


class Client:
    def __init__(self, process):
        self.process, self.url, self.name = process, process.url, process.name
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Connection"] = "close"  # after a 500 Forge's server drops the connection without a word
        self.flags = process.flags
        self.api_login, self.page_login = self.login("--api-auth"), self.login("--gradio-auth")
        self.session.auth = self.api_login
        if self.page_login:
            self.session.post(f"{self.url}/login", data=dict(zip(("username", "password"), self.page_login)), timeout=TIMEOUT)
        self.kept: dict[str, Reply] = {}

    def login(self, flag: str) -> tuple[str, str] | None:
        """(user, password) of the first account that the flag gives."""
        given = dict(zip(self.flags, self.flags[1:])).get(flag) or next(
            (word.partition("=")[2] for word in self.flags if word.startswith(f"{flag}=")), "")
        user, _, password = given.split(",")[0].partition(":")
        return (user, password) if user else None

    def ask(self, method: str, route: str, **given) -> requests.Response:
        """A host that has died ends the run: no test after it would say anything."""
        try:
            return self.session.request(method, f"{self.url}{route}", timeout=TIMEOUT, **given)
        except requests.ConnectionError:
            last_words = self.process.last_words()
            if last_words is None:
                raise
            pytest.exit(last_words, returncode=3)

    def get(self, route: str):
        reply = self.ask("GET", route)
        assert reply.status_code == 200, f"{route}: {reply.status_code} {reply.text[:300]}"
        return reply.json()

    def status(self) -> dict:
        return self.get("/relight/v1/status")

    def probe(self, place: str) -> dict:
        """The record of the probe extension: place is before or after."""
        return self.get(f"/relight-contract/{place}")

    def send(self, tab: str = "txt2img", relight=None, before=None, after=None, others=None, **fields) -> Reply:
        """One job. relight: the whole dict for Relight; before, after: those for the two probes; others: title -> args."""
        given = {"Relight": relight, BEFORE: before, AFTER: after}
        payload = {**BASE, **fields}
        payload["alwayson_scripts"] = {title: {"args": [body]} for title, body in given.items() if body is not None}
        payload["alwayson_scripts"].update({title: {"args": args} for title, args in (others or {}).items()})
        return Reply(self.ask("POST", f"/sdapi/v1/{tab}", json=payload))

    def once(self, tab: str = "txt2img", **fields) -> Reply:
        """The same, made only once per session for the same arguments."""
        key = json.dumps([tab, fields], sort_keys=True)
        if key not in self.kept:
            self.kept[key] = self.send(tab, **fields)
        return self.kept[key]


def assert_rejected(client, sentence, send):
    position = client.process.position()
    reply = send()
    console = client.process.console(position)
    assert reply.status == 422, reply.text[:500]
    assert re.match(sentence, reply.body["detail"]), reply.body["detail"]
    lines = [line for line in console.splitlines() if "[Relight]" in line]
    assert len(lines) == 1 and reply.body["detail"] in lines[0], console
    assert "Traceback" not in console, console
