"""Faults injected into a running host: what the user gets, and that the next plain job is byte-equal (docs/FAULTS.md).

The fixture plain_is_unchanged runs that plain job after every test.
"""

import random
import threading
import time

import pytest
import requests
from faults.conftest import Client, subject

pytestmark = pytest.mark.same_everywhere
NO_MEMORY = "There is not enough memory for this; use smaller images, a smaller size or a smaller batch."
PROMPT = {"ip_adapter": [{"model": "ip-adapter", "image": subject(200)}]}


@pytest.mark.parametrize("where", ["merge", "encode", "image prompt", "cut-out", "light map"])
def test_out_of_memory_in_a_job(client, where):
    request = PROMPT if where == "image prompt" else {"iclight": {"foreground": subject(len(where)), "light": "top"}}
    console = client.process.console()
    client.plain()  # takes out merged weights
    client.post(f"faults/{where}")
    failed = client.job(**request)
    assert (failed.status_code, failed.json()["detail"]) == (507, NO_MEMORY)
    client.check_plain()
    assert client.job(**request).status_code == 200
    assert "Traceback" not in client.process.console().removeprefix(console)


@pytest.mark.parametrize("where, kind", [("cut-out", "matte"), ("cut-out", "foreground"), ("light map", "light")])
def test_out_of_memory_in_a_preview(client, where, kind):
    body = {"iclight": {"foreground": subject(), "light": "left"}, "width": 64, "height": 64}
    client.post(f"faults/{where}")
    failed = client.post(f"relight/v1/preview/{kind}", body)
    assert (failed.status_code, failed.json()) == (507, {"detail": NO_MEMORY})
    assert client.post(f"relight/v1/preview/{kind}", body).status_code == 200


@pytest.mark.parametrize("name", ["iclight_fc.safetensors", "ip-adapter.safetensors", "image_encoder/model.safetensors"])
@pytest.mark.parametrize("damage", ["deleted", "truncated", "replaced", "unreadable header"])
def test_a_model_file_damaged_between_two_jobs(client, name, damage):
    path = client.models / name
    run = client.relit if name.startswith("iclight") else lambda: client.job(**PROMPT)
    content, good = path.read_bytes(), run().json()["images"]
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes({"truncated": content[:len(content) // 2], "replaced": b"not a model" * 1000,
                          "unreadable header": b"\xff" * 8 + content[8:]}[damage])
    try:
        failed = run()
        assert failed.status_code == 422 and 20 < len(failed.json()["detail"]) < 500, failed.text
        client.check_plain()
    finally:
        path.write_bytes(content)
    assert run().json()["images"] == good


def test_a_hundred_mixed_jobs(client):
    choose = random.Random(14)
    calls = {"plain": client.plain, "relit": client.relit, "prompt": lambda: client.job(**PROMPT),
             "wrong": lambda: client.relit(lights=7), "no memory": lambda: (client.post("faults/light map"), client.relit())[1]}
    good = client.relit().json()["images"]
    memory = []
    for number, name in enumerate(choose.choices(list(calls), k=100)):
        if number % 25 == 24:
            memory.append(client.process.resident_megabytes())
        reply = calls[name]()
        if name == "plain":
            assert reply == client.before
        else:
            assert reply.status_code == {"wrong": 422, "no memory": 507}.get(name, 200), reply.text
            assert name != "relit" or reply.json()["images"] == good
    print(f"resident memory after 25, 50, 75, 100 mixed jobs: {memory} MB")
    assert memory[-1] < memory[0] + 64, "glibc returns memory in steps; a leak of one latent or image a job would be more"


def test_a_storm_of_interrupts(client):
    over = threading.Event()

    def storm():
        while not over.wait(0.02):
            client.post("sdapi/v1/interrupt")

    thread = threading.Thread(target=storm)
    thread.start()
    try:
        replies = client.at_once([lambda hue=hue: client.relit(hue) for hue in range(8)])
    finally:
        over.set()
        thread.join()
    assert {reply.status_code for reply in replies} == {200}


def test_checks_answer_within_a_second_while_45_jobs_wait(client):
    threads = [threading.Thread(target=client.relit) for _ in range(45)]
    for thread in threads:
        thread.start()
    while not requests.get(f"{client.process.url}/sdapi/v1/progress", timeout=60).json()["state"]["job_count"]:
        time.sleep(0.02)
    times, busy = [], True
    for _ in range(5):
        begun = time.monotonic()
        reply = client.post("relight/v1/check", {"iclight": {"foreground": subject(), "light": "left"}})
        times.append(time.monotonic() - begun)
        assert reply.status_code == 200
        busy &= threads[-1].is_alive() or any(thread.is_alive() for thread in threads)
    for thread in threads:
        thread.join()
    print(f"/check while 45 jobs wait: {max(times):.2f} s at most")
    assert busy and max(times) < 1


def save_presets(client, name, acknowledged):
    """Save 20 presets, or as many as the host lives for; `acknowledged` gets their names."""
    for number in range(20):
        try:
            reply = requests.put(f"{client.process.url}/relight/v1/presets/{name} {number}", json={"light": "left"}, timeout=60)
        except requests.ConnectionError:
            return  # it was killed
        assert reply.status_code == 200, reply.text
        acknowledged.append(f"{name} {number}")


def test_two_hosts_on_one_data_folder(client, start, data_dir, tmp_path, monkeypatch):
    """The second one has no HOME. Both save presets under the same lock, one is killed meanwhile, and the other has its own and what was acknowledged."""
    console = data_dir / "console.txt"
    kept = console.read_bytes()
    monkeypatch.delenv("HOME", raising=False)
    second = start(data_dir)
    second.log = tmp_path / "console.txt"
    acknowledged = []
    with second as process:
        other = Client(process, client.models)
        assert other.before == client.before
        threads = [threading.Thread(target=save_presets, args=(which, name, acknowledged))
                   for which, name in ((client, "first"), (other, "second"))]
        for thread in threads:
            thread.start()
        while not any(name.startswith("second") for name in acknowledged):
            time.sleep(0.01)
        process.process.kill()
        for thread in threads:
            thread.join()
    stored = requests.get(f"{client.process.url}/relight/v1/presets", timeout=60).json()
    assert set(acknowledged) <= set(stored.get("presets", stored))
    assert len([name for name in acknowledged if name.startswith("first")]) == 20
    assert console.read_bytes().startswith(kept)
