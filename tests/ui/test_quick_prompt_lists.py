"""Quick-prompt lists: shipped and user files, the message for each invalid line, and the examples' values."""

import pytest
from sd_relight.lib_relight.request import presets
from sd_relight.lib_relight.ui import quick_prompt_lists
from sd_relight.lib_relight.ui.quick_prompt_lists import parse


def test_the_list_that_ships_has_no_fault():
    quick = quick_prompt_lists.load(quick_prompt_lists.ASSETS / "absent.txt")
    assert quick.remarks == [] and len(quick.lists["subject"]) >= 2 and len(quick.lists["light"]) >= 14
    names = [name for entries in quick.lists.values() for name, _ in entries]
    assert len(set(names)) == len(names)


def test_comments_names_and_words():
    quick = parse("# mine\n[Light]\nsoft, grey  # a cloudy day\n\nblinds | sunlight through blinds\n[ subject ]\na cup", "own.txt")
    assert quick.lists == {"subject": [("a cup", "a cup")],
                           "light": [("soft, grey", "soft, grey"), ("blinds", "sunlight through blinds")]}
    assert quick.remarks == []


@pytest.mark.parametrize("text, sentence", [
    ("soft\n[light]\ngood", "own.txt, line 1: it comes before the first section; write [subject] or [light] above it."),
    ("[light]\ngood\n[lihgt]\nlost", "own.txt, line 3: `[lihgt]` is no section; use [subject] or [light]."),
    ("[light]\n| words\ngood", "own.txt, line 2: `| words` is incomplete; write `name | words`, or the words alone."),
    ("[light]\ngood\nname |", "own.txt, line 3: `name |` is incomplete; write `name | words`, or the words alone."),
    ("[light]\ngood\n" + "x" * 400, "own.txt, line 3: it has 400 characters; use at most 300."),
])
def test_a_broken_line_is_named_and_the_rest_is_read(text, sentence):
    quick = parse(text, "own.txt")
    assert quick.remarks == [sentence] and quick.lists["light"] == [("good", "good")]


def test_the_users_file_wins_and_one_that_cannot_be_read_is_reported(tmp_path):
    own = tmp_path / "quick_prompts.txt"
    own.write_text("\ufeff[light]\nmine", "utf-8")
    assert quick_prompt_lists.load(own).lists == {"subject": [], "light": [("mine", "mine")]}
    own.write_bytes(b"[light]\n\xff\xfe")
    quick = quick_prompt_lists.load(own)
    assert len(quick.lists["light"]) >= 14
    assert quick.remarks[0].startswith(f"{own} cannot be read (") and "save it as UTF-8" in quick.remarks[0]


def test_there_are_examples_each_with_a_thumbnail_and_values_that_can_be_set():
    listed = quick_prompt_lists.examples()
    assert len(listed) >= 4 and len({example.name for example in listed}) == len(listed)
    for example in listed:
        assert example.thumbnail.is_file()
        assert example.open()["foreground"].size == (512, 512)
        values = example.values("img2img")
        assert set(presets.PRESET_FIELDS) <= set(values) and values["host_denoise"] == 0.95
        assert example.values("txt2img")["host_hires"] is False
        for name in presets.PRESET_FIELDS:
            presets.check_field(name, values[name])
