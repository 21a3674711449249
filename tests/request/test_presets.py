"""Presets: validation, atomic storage, sharing, and fields of newer versions."""

import json
import subprocess
import sys
import time

import pytest
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.request import preset_store, presets
from sd_relight.lib_relight.request.panel_values import PANEL_ORDER


@pytest.fixture
def store(tmp_path):
    return preset_store.PresetStore(tmp_path / "relight" / "presets.json")


def rejected(call, *args):
    with pytest.raises(Exception) as caught:
        call(*args)
    return str(caught.value)


def test_a_preset_holds_every_field_of_the_panel_but_images():
    assert set(PANEL_ORDER) - set(presets.PRESET_FIELDS) == {*presets.PRESET_IMAGES, "enabled"}
    assert {"iclight", "light", "light_start", "unit1_enabled", "unit4_layer_weights"} <= set(presets.PRESET_FIELDS)


def test_what_is_saved_is_loaded_and_the_rest_is_default(store):
    store.put("window", {"light": "left", "light_start": "200", "unit2_weight": 0.5, "unit2_enabled": True})
    values, remarks = presets.usable(store.get("window"))
    assert remarks == [] and list(values) == list(presets.PRESET_FIELDS)
    assert (values["light"], values["light_start"], values["unit2_weight"]) == ("left", "200", 0.5)
    assert (values["iclight"], values["unit1_enabled"], values["unit2_enabled"]) == (True, False, True)
    assert (values["light_end"], values["extras"], values["unit1_image_weights"]) == ("", True, "")


def test_every_default_is_a_value_that_can_be_saved(store):
    store.put("plain", {name: presets.default_value(name) for name in presets.PRESET_FIELDS})
    assert presets.usable(store.get("plain")) == presets.usable({})


def test_fields_of_a_newer_version_survive_saving_again(store):
    newer = {"version": 7, "owner": "me",
             "presets": {"a": {"light": "left", "haze": {"depth": 3}}, "b": ["no longer an object"]}}
    store.path.parent.mkdir()
    store.path.write_text(json.dumps(newer))
    store.put("a", {"light": "right"})
    assert json.loads(store.path.read_text()) == {**newer, "presets": {**newer["presets"],
                                                  "a": {"light": "right", "haze": {"depth": 3}}}}
    assert store.names() == ["a"] and presets.usable(store.get("a"))[0]["light"] == "right"
    assert store.rename("a", "c") == "c" and store.get("c")["haze"] == {"depth": 3}


def test_values_that_no_longer_fit_become_the_default_and_are_named(store):
    store.path.parent.mkdir()
    store.path.write_text(json.dumps({"presets": {"old": {"light": "north", "reinforce": 0.5, "iclight": "yes"}}}))
    values, remarks = presets.usable(store.get("old"))
    assert (values["light"], values["reinforce"], values["iclight"]) == ("none", 0.5, True)
    assert len(remarks) == 2 and remarks[0] == "`iclight` is 'yes'; it must be true or false. The default was taken."
    assert remarks[1].startswith("`light` is 'north'; choose one of none, left")


@pytest.mark.parametrize("values, sentence", [
    ({"lihgt": "left"}, "`preset` has no field `lihgt`; did you mean `light`?"),
    ({"reinforce": 3}, "`reinforce` is 3; it must be a number from 0 to 1."),
    ({"light_color": "blue"}, "`light_color` is 'blue'; write it as #rrggbb, for example #ffb46b, or as a temperature, for example "
     "2700K."),
    ({"light_start": "bright"}, "`light_start` is 'bright'; it must be a number, or empty."),
    ({"unit1_weight": "much"}, "`weight` is 'much'; it must be a number from -1 to 5."),
    ({"unit3_enabled": 1}, "`unit3_enabled` is 1; it must be true or false."),
    ({"foreground": "iVBORw0"}, "`foreground` is an image, and presets hold none; leave it out."),
    (["left"], "The preset is list; it must be an object such as {\"light\": \"left\"}."),
])
def test_wrong_fields_are_rejected_by_name(store, values, sentence):
    assert rejected(store.put, "x", values) == sentence
    assert not store.path.exists()


@pytest.mark.parametrize("name, sentence", [
    ("  ", "The preset has no name; write one, for example `evening window`."),
    (None, "The preset has no name; write one, for example `evening window`."),
    ("a/b", "The preset's name has '/' in it; use letters, numbers, blanks and signs such as - or _."),
    ("a\x07", "The preset's name has '\\x07' in it; use letters, numbers, blanks and signs such as - or _."),
    ("a" * 61, "The preset's name has 61 characters; use at most 60."),
])
def test_names_are_checked(store, name, sentence):
    assert rejected(store.put, name, {}) == sentence


def test_names_in_any_script_work(store):
    assert store.put(" 晚霞 été ", {"light": "top"}) == "晚霞 été"
    assert store.names() == ["晚霞 été"]


def test_rename_and_delete(store):
    store.put("b", {"light": "left"})
    store.put("A", {"light": "right"})
    assert store.names() == ["A", "b"]
    assert rejected(store.rename, "b", "A") == ("There is a preset 'A' already; choose another name, or delete that one first.")
    assert store.rename("b", "b") == "b" and store.rename("b", " c ") == "c"
    store.delete("A")
    assert store.all() == {"c": {"light": "left"}}
    assert rejected(store.get, "A") == "There is no preset 'A'; there are: c."
    store.delete("c")
    assert rejected(store.delete, "c") == "There is no preset 'c'; there are: none yet."


def test_sharing_and_taking_back_loses_nothing(store, tmp_path):
    store.put("one", {"light": "left"})
    store.put("two", {"light": "right"})
    other = preset_store.PresetStore(tmp_path / "other.json")
    other.put("one", {"light": "top"})
    assert other.accept(store.share()) == ["one (2)", "two"]
    assert other.accept(store.share(["two"])) == ["two"]
    assert other.all() == {"one": {"light": "top"}, "one (2)": {"light": "left"}, "two": {"light": "right"}}


def test_a_shared_preset_of_a_newer_version_keeps_what_is_unknown_here(store):
    assert store.accept('{"version": 9, "presets": {"n": {"light": "left", "haze": 1}}}') == ["n"]
    assert store.get("n") == {"light": "left", "haze": 1}
    assert json.loads(store.path.read_text())["version"] == 9
    assert json.loads(store.share(["n"])) == {"version": 9, "presets": {"n": {"light": "left", "haze": 1}}}


@pytest.mark.parametrize("text, sentence", [
    ("{", "The shared text is not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))."),
    ("[]", "The shared text holds no presets; it must look like {\"version\": 1, \"presets\": {\"name\": {…}}}."),
    ("{}", "The shared text holds no presets; it must look like {\"version\": 1, \"presets\": {\"name\": {…}}}."),
    ('{"presets": {"a": {"lihgt": 1}}}', "`preset` has no field `lihgt`; did you mean `light`?"),
])
def test_a_shared_text_that_is_invalid_is_rejected(store, text, sentence):
    assert rejected(store.accept, text) == sentence


@pytest.mark.parametrize("content", [b'{"presets": {"mine"', b"\xff\xfe\x00", b"[1]"])
def test_a_broken_file_is_kept_aside_and_named_once(store, content):
    store.path.parent.mkdir()
    store.path.write_bytes(content)
    sentence = rejected(store.names)
    aside = next(store.path.parent.glob("presets.json.broken-*"))
    assert aside.read_bytes() == content
    assert sentence.startswith(f"The presets file {store.path} ") and f"It was renamed to {aside.name}; repair that file" in sentence
    assert store.names() == []
    store.put("new", {"light": "left"})
    assert store.names() == ["new"] and aside.read_bytes() == content


def test_a_failed_write_leaves_the_old_file_and_no_crumbs(store, monkeypatch):
    store.put("a", {"light": "left"})
    before = store.path.read_bytes()

    def no_space(source, target):
        raise OSError("no space left")

    monkeypatch.setattr(preset_store.os, "replace", no_space)
    assert rejected(store.put, "b", {}).startswith(f"The presets could not be written to {store.path} (no space left);")
    assert store.path.read_bytes() == before
    assert {path.name for path in store.path.parent.iterdir()} <= {"presets.json", "presets.json.lock"}


SAVER = """
import sys, threading, types
root = sys.modules["sd_relight"] = types.ModuleType("sd_relight")
root.__path__ = [sys.argv[1]]
from pathlib import Path
from sd_relight.lib_relight.request.preset_store import PresetStore

def save(thread):
    for number in range(int(sys.argv[4])):
        PresetStore(Path(sys.argv[2])).put(f"{sys.argv[3]} {thread} {number}", {"light": "left"})

threads = [threading.Thread(target=save, args=(i,)) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.same_everywhere
def test_saves_of_two_processes_with_four_threads_are_all_kept(store, repo_root):
    saves = 100
    store.put("before", {"light": "right"})
    processes = [subprocess.Popen([sys.executable, "-c", SAVER, str(repo_root), str(store.path), name, str(saves)])
                 for name in ("one", "two")]
    assert [process.wait(300) for process in processes] == [0, 0]
    assert len(store.names()) == 1 + 2 * 4 * saves
    assert {path.name for path in store.path.parent.iterdir()} <= {"presets.json", "presets.json.lock"}


@pytest.mark.same_everywhere
def test_a_killed_process_leaves_a_whole_file_and_no_lock(store, repo_root):
    for round_ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", SAVER, str(repo_root), str(store.path), f"round {round_}", "100000"])
        deadline = time.monotonic() + 60
        while not any(name.startswith(f"round {round_}") for name in store.names()):
            assert time.monotonic() < deadline and writer.poll() is None
            time.sleep(0.05)
        writer.kill()
        writer.wait()
        assert store.put(f"after {round_}", {"light": "top"}) in store.names()
    assert {f"after {round_}" for round_ in range(3)} <= set(store.names())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_of_editors_with_a_byte_order_mark(store, encoding):
    store.path.parent.mkdir()
    store.path.write_bytes(json.dumps({"presets": {"été": {"light": "left"}}}, ensure_ascii=False).encode(encoding))
    assert store.names() == ["été"]
    store.put("b", {"light": "top"})
    assert store.names() == ["b", "été"]


def test_file_that_another_program_is_writing_is_read_again(store, monkeypatch):
    store.path.parent.mkdir()
    store.path.write_bytes(b'{"presets": {')
    monkeypatch.setattr(preset_store.time, "sleep", lambda seconds: store.path.write_bytes(b'{"presets": {"a": {}}}'))
    assert store.names() == ["a"]


def test_lone_surrogates(store):
    assert rejected(store.put, "x", {"model": "\ud800"}) == (
        "`model` has a character that cannot be stored (a lone surrogate); remove it.")
    assert not store.path.exists()
    store.path.parent.mkdir()
    store.path.write_text('{"presets": {"a": {"model": "\\ud800"}}}')
    store.put("b", {"light": "left"})
    assert store.all() == {"a": {"model": "\ud800"}, "b": {"light": "left"}}, "nothing is lost"


def test_deeply_nested_text_is_no_json(store):
    assert rejected(store.accept, "[" * 100_000).startswith("The shared text is not valid JSON")


def test_folder_that_cannot_be_written(store):
    store.path.parent.write_text("a file, not a folder")
    assert rejected(store.put, "x", {}).startswith(f"The presets could not be written to {store.path} (")


def test_a_missing_preset_answers_404(store):
    with pytest.raises(RelightError) as caught:
        store.get("x")
    assert caught.value.status_code == 404
