"""Compares the documentation with the code."""

import importlib
import json
import re
from pathlib import Path

import pytest
from encoding import encoded
from sd_relight.lib_iclight import params
from sd_relight.lib_ipadapter import params as ip_params
from sd_relight.lib_relight.request import schema
from sd_relight.lib_relight.request.request import parse_api

ROOT = Path(__file__).resolve().parent.parent
API = (ROOT / "docs/API.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8") if (ROOT / "README.md").exists() else ""


def load_reference():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "devtools"))
        return importlib.import_module("api_reference")


@pytest.fixture(scope="module")
def reference():
    return load_reference()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_reference_matches_the_schema(reference):
    assert reference.with_reference(API) == API, "run: python devtools/api_reference.py"
    assert (ROOT / "docs/schema.json").read_text("utf-8") == reference.schema_text(), "run: python devtools/api_reference.py"


def test_the_schema_names_every_image():
    assert tuple(schema.ICLIGHT_IMAGES) == params.IMAGE_FIELDS + params.API_IMAGE_FIELDS
    assert tuple(schema.UNIT_IMAGES) == ip_params.IMAGE_FIELDS


def test_every_json_example_parses(image_text):
    for text in blocks(API, "json") + blocks(README, "json"):
        payload = json.loads(text.replace("<base64>", image_text))
        if "alwayson_scripts" in payload:
            assert parse_api(payload["alwayson_scripts"]["Relight"]["args"][0]).iclight is not None


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/API.md", "docs/HOSTS.md", "assets/README.md", "models/README.md"])
def test_links_within_the_repository_lead_somewhere(page):
    text = (ROOT / page).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert not [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]


def test_the_table_of_faults_names_existing_tests_and_all_of_their_folder():
    rows = [row for row in (ROOT / "docs/FAULTS.md").read_text("utf-8").splitlines() if row.startswith("| ")][2:]
    named = [re.search(r"`(tests/[\w/]+\.py)::(test_\w+)` \|$", row).groups() for row in rows]
    assert not [test for path, test in named if f"def {test}(" not in (ROOT / path).read_text("utf-8")]
    own = {(path.relative_to(ROOT).as_posix(), test) for path in (ROOT / "tests/faults").glob("test_*.py")
           for test in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), flags=re.MULTILINE)}
    assert own <= set(named)


@pytest.fixture
def image_text():
    """A small image as base64."""
    from PIL import Image

    return encoded(Image.new("RGB", (64, 64), (200, 120, 40)))
