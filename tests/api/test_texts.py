"""The Chinese table translates every text of the panel and every message, and nothing else."""

import html
import json
import re

import pytest
import requests
from api.sentences import HOLE, all_texts, as_pattern, sentences
from api.serving import MATTING_MODELS
from sd_relight.lib_iclight.params import MODELS
from sd_relight.lib_ipadapter.params import FAMILIES

SHOWN = ("label", "info", "placeholder", "choices")
NOT_WORDS = re.compile(r"[\W\d_]*$")
OWN_NAMES = re.compile(r"[\w.-]*(iclight|ip-adapter|u2net|isnet|birefnet|bria|silueta|ben2)[\w.-]*$", re.IGNORECASE)
"""Files and models: names, not words."""
NAMES = {*MODELS, *FAMILIES, "K+V", "K+V w/ C penalty", "fooocus"} - {"auto", "composition"}
"""What users know by these letters in every language."""
PLURAL = "`face_index` is {0}, but `{1}` shows {2} face{3}; use 0 to {4}, or -1 for the largest."


@pytest.fixture(scope="module")
def table(repo_root):
    return json.loads((repo_root / "localizations" / "zh_CN.json").read_text("utf8"))


@pytest.fixture(scope="module")
def shown(host):
    """Texts of the panel in both tabs, from the page's own description."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    components = {component["id"]: component for component in config["components"]}
    found = set()
    for tab in ("txt2img", "img2img"):
        found |= set(texts_below(config["layout"], components, f"script_{tab}_relight_enabled", False))
    return {text for text in found if not NOT_WORDS.match(text) and not OWN_NAMES.match(text)} - NAMES


@pytest.fixture(scope="module")
def purposes(repo_root):
    """What the section Models says each file is for."""
    files = json.loads((repo_root / "lib_relight" / "base" / "known_files.json").read_text("utf8"))
    return {file["purpose"] for file in files}


def texts_below(node, components, root, inside):
    component = components.get(node["id"], {"props": {}})
    props = component["props"]
    inside = inside or props.get("elem_id") == root
    if inside and "relight-hidden" not in (props.get("elem_classes") or []):
        yield from texts_of(component)
    for child in node.get("children") or []:
        yield from texts_below(child, components, root, inside)


def texts_of(component):
    """What a host's page walks over: labels, help, choices, buttons, and the text parts of HTML."""
    props = component["props"]
    for name in SHOWN:
        value = None if name == "choices" and "_words_" in str(props.get("elem_id")) else props.get(name)  # prompts are English
        for entry in value if isinstance(value, list) else [value]:
            text = entry[0] if isinstance(entry, (list, tuple)) else entry
            if isinstance(text, str):
                yield text.strip()
    if component["type"] in ("html", "button", "markdown") and isinstance(props.get("value"), str):
        yield from (html.unescape(part).strip() for part in re.split(r"<[^>]*>", props["value"]))


def test_every_text_of_the_panel_has_its_chinese(shown, purposes, table):
    assert len(shown) > 100
    assert sorted((shown | purposes) - set(table) - set(MATTING_MODELS)) == []


def test_every_text_of_the_scripts_has_its_chinese(repo_root, table):
    folder = repo_root / "javascript" / "relight"
    texts = set(re.findall(r'^ +\w+: "(.+)",$', (folder / "texts.js").read_text("utf8"), re.MULTILINE))
    literals = re.findall(r'"([^"\n]*)"', (folder / "light_kinds.js").read_text("utf8"))
    texts |= {text for text in literals if text[:1].isupper() or " " in text} - {"use strict"}
    assert len(texts) > 40
    assert sorted(texts - set(table)) == []


def test_every_sentence_that_users_are_told_has_its_chinese(repo_root, table):
    """Refusals, warnings and notes, with {0}, {1} where they name a value; javascript puts the values in."""
    told = sentences(repo_root)
    assert len(told) > 250
    assert sorted(told - set(table)) == []


def test_the_table_has_nothing_that_nobody_shows(shown, purposes, repo_root, table):
    scripts = "\n".join(path.read_text("utf8") for path in (repo_root / "javascript").rglob("*.*js"))
    python = all_texts(repo_root)
    filled = [as_pattern(text) for text in python if HOLE.search(text) and len(text) > 40]
    left = [text for text in set(table) - shown - purposes - python if text not in scripts]
    assert sorted(text for text in left if not any(pattern.fullmatch(text) for pattern in filled)) == []


def test_every_value_of_a_sentence_stands_in_its_chinese(table):
    assert {key for key, words in table.items() if sorted(HOLE.findall(key)) != sorted(set(HOLE.findall(words)))} <= {PLURAL}


def test_the_chinese_is_chinese(table):
    assert [key for key, value in table.items() if not re.search(r"[一-鿿]", value)] == []


def test_numbers_and_names_survive_translation(table):
    kept = re.compile(r"(?<![a-z])\d+(?:\.\d+)?|IC-Light|IP-Adapter|SDXL|FaceID|CLIP|#rrggbb")
    lost = {key: set(kept.findall(HOLE.sub("", key))) - set(kept.findall(value)) for key, value in table.items()}
    assert {key: parts for key, parts in lost.items() if parts} == {}
