"""Runs docs/examples/client.py against the embedded host."""

import importlib.util
import sys

import pytest
from PIL import Image
from sd_relight.lib_iclight.params import IcLightParams
from sd_relight.lib_ipadapter.params import FIELD_NAMES, INPUT_FIELDS
from sd_relight.lib_relight.request.request import IcLightImages

JOB = {"steps": 1, "width": 64, "height": 64, "seed": 7}


@pytest.fixture(scope="module")
def example(repo_root):
    spec = importlib.util.spec_from_file_location("example_client", repo_root / "docs/examples/client.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def subject(example, tmp_path):
    Image.new("RGB", (64, 64), (200, 120, 60)).save(tmp_path / "subject.png")
    return example.encoded(tmp_path / "subject.png")


def test_jobs_of_the_example(example, host, subject):
    relight = example.RelightClient(host.url + "/")
    light = example.Light(light="left", foreground=subject, matting="none", intensity=1.5)
    unit = example.Unit(model="ip-adapter", image="subject", weight=0.5)
    assert relight.check(light, [unit], **JOB) == {"errors": [], "warnings": []}
    image, = relight.txt2img("a vase", light, [unit], **JOB)
    assert b"Relight intensity: 1.5" in image and b"Relight IP 1 weight: 0.5" in image
    image, = relight.img2img("a vase", subject, example.Light(light="top", matting="none"), **JOB)
    assert b"Relight: " in image


def test_errors_of_the_example(example, host, subject):
    relight = example.RelightClient(host.url)
    light = example.Light(light="lefft", foreground=subject)
    sentence = "`light` is 'lefft'; choose one of none, left, right"
    error, = relight.check(light)["errors"]
    assert (error["field"], error["value"]) == ("light", "lefft") and error["sentence"].startswith(sentence)
    with pytest.raises(example.RelightApiError) as caught:
        relight.txt2img("a vase", light, **JOB)
    assert caught.value.status == 422 and caught.value.sentence.startswith(sentence)


def test_schema_of_the_example(example, host):
    schema = example.RelightClient(host.url).schema()
    assert schema["$schema"].endswith("2020-12/schema") and set(schema["properties"]) == {"enabled", "iclight", "ip_adapter"}


def test_fields_of_the_example(example):
    assert {item.name for item in example.fields(example.Light)} <= {*IcLightParams.__dataclass_fields__, *IcLightImages.__dataclass_fields__}
    assert {item.name for item in example.fields(example.Unit)} <= {*FIELD_NAMES, *INPUT_FIELDS}
