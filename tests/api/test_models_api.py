"""The model files on the embedded host: what is there, and requests that are rejected before anything is downloaded."""

import requests


def test_the_list_and_one_file(host):
    models = requests.get(f"{host.url}/relight/v1/models", timeout=60).json()["models"]
    by_name = {model["name"]: model for model in models}
    fc = by_name["iclight_sd15_fc"]
    assert fc["state"] == "there" and fc["path"].endswith("iclight_fc.safetensors"), "the demo model, by its content"
    assert by_name["ip-adapter_sdxl"]["state"] == "missing" and by_name["ip-adapter_sdxl"]["message"] == ""
    for name in ("iclight_sd15_fc", "ip-adapter_sdxl"):
        assert requests.get(f"{host.url}/relight/v1/models/{name}", timeout=60).json() == by_name[name]


def test_rejections(host):
    def post(path, **body):
        reply = requests.post(f"{host.url}/relight/v1/models/{path}", json=body, timeout=60)
        return reply.status_code, reply.json()["detail"]

    assert post("det_10g/get") == (422, "det_10g.onnx is non-commercial (insightface's models); read https://huggingface.co/deepghs/"
                                        "insightface and send `accept_licence` as true.")
    assert post("det_10g/get", accept_licence=1) == (422, "`accept_licence` is 1; it must be true or false.")
    status, detail = post("no-such-file/get", accept_licence=True)
    assert status == 404 and detail.startswith("There is no known model file 'no-such-file'; did you mean ")
