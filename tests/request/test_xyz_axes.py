"""X/Y/Z axes override the panel's values or the API's dict for one cell only."""

from copy import copy
from types import SimpleNamespace

import pytest
from sd_relight.lib_relight.base.errors import UserError
from sd_relight.lib_relight.request import xyz_axes
from sd_relight.lib_relight.request.panel_values import PANEL_ORDER
from sd_relight.lib_relight.request.presets import PRESET_FIELDS, default_value

BY_KEY = {axis.key: axis for axis in xyz_axes.axes()}


def cell(**values):
    p = SimpleNamespace()
    for key, value in values.items():
        xyz_axes.put(BY_KEY[key], p, value)
    return p


def panel_args(**changes):
    values = {name: default_value(name) if name in PRESET_FIELDS else None for name in PANEL_ORDER}
    return [{**values, "enabled": True, **changes}[name] for name in PANEL_ORDER]


def error_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    return str(caught.value)


def test_labels_are_unique_and_every_axis_is_a_field():
    labels = [axis.label for axis in xyz_axes.axes()]
    assert len(set(labels)) == len(labels) == 33
    assert set(BY_KEY) <= set(PRESET_FIELDS)
    assert {axis.kind for axis in xyz_axes.axes()} == {float, str}


def test_the_panels_values_are_replaced_for_this_cell_only():
    before = panel_args(light="top")
    after = xyz_axes.overridden(before, cell(light="left", reinforce=0.5))
    changed = {name: (old, new) for name, old, new in zip(PANEL_ORDER, before, after) if old != new}
    assert changed == {"light": ("top", "left"), "reinforce": (0.0, 0.5)}
    assert xyz_axes.overridden(before, SimpleNamespace()) is before


def test_the_apis_dict_is_replaced_and_not_changed():
    payload = {"iclight": {"light": "top"}, "ip_adapter": [{"model": "off", "enabled": False}, {"model": "a", "control_weight": 1}]}
    kept = {"iclight": dict(payload["iclight"]), "ip_adapter": [dict(unit) for unit in payload["ip_adapter"]]}
    [after] = xyz_axes.overridden([payload], cell(light="left", unit1_weight=0.25))
    assert after == {"iclight": {"light": "left"}, "ip_adapter": [{"model": "off", "enabled": False}, {"model": "a", "weight": 0.25}]}
    assert payload == kept


def test_a_place_is_one_value_of_an_axis():
    [after] = xyz_axes.overridden([{"iclight": {}}], cell(place="0.3 0.6 1"))
    assert after["iclight"] == {"place": (0.3, 0.6, 1)}


def test_cells_are_shallow_copies_and_do_not_see_each_other():
    p = SimpleNamespace()
    first, second = copy(p), copy(p)
    xyz_axes.put(BY_KEY["light"], first, "left")
    xyz_axes.put(BY_KEY["reinforce"], first, 1)
    xyz_axes.put(BY_KEY["light"], second, "right")
    assert getattr(p, xyz_axes.ATTRIBUTE, None) is None
    assert getattr(second, xyz_axes.ATTRIBUTE) == {"light": "right"}
    third = copy(first)
    xyz_axes.put(BY_KEY["light"], third, "top")
    assert getattr(first, xyz_axes.ATTRIBUTE) == {"light": "left", "reinforce": 1.0}


@pytest.mark.parametrize("key, light", [("light_angle", "angle"), ("light_x", "spot"), ("light_radius", "spot")])
def test_a_direction_implies_its_kind_of_light_unless_an_axis_says_one(key, light):
    [after] = xyz_axes.overridden([{"iclight": {}}], cell(**{key: 0.5}))
    assert after["iclight"] == {key: 0.5, "light": light}
    [after] = xyz_axes.overridden([{"iclight": {}}], cell(**{key: 0.5, "light": "none"}))
    assert after["iclight"]["light"] == "none"


@pytest.mark.parametrize("key, value, sentence", [
    ("light", "north", "`light` is 'north'; choose one of none, left"),
    ("reinforce", 2.0, "`reinforce` is 2.0; it must be a number from 0 to 1."),
    ("keep_background", "perhaps", "`keep_background` is 'perhaps'; it must be true or false."),
    ("light_color", "red", "`light_color` is 'red'; write it as #rrggbb, for example #ffb46b, or as a temperature, for example "
     "2700K."),
    ("unit1_weight_type", "x", "`weight_type` is 'x'; choose one of linear"),
    ("unit1_weight", 9.0, "`weight` is 9.0; it must be a number from -1 to 5."),
])
def test_values_are_checked_by_the_schema(key, value, sentence):
    assert error_of(BY_KEY[key].check, value).startswith(sentence)


def test_words_for_true_and_false():
    assert BY_KEY["keep_background"].check("True") is True and BY_KEY["background_flip"].check("false") is False
    assert xyz_axes.choices_of(BY_KEY["keep_background"], lambda *_: None) == ["True", "False"]
    assert xyz_axes.choices_of(BY_KEY["light_angle"], lambda *_: None) is None
    assert xyz_axes.choices_of(BY_KEY["model"], lambda name, of_unit: [name, of_unit]) == ["model", False]


@pytest.mark.parametrize("args, values, sentence", [
    (panel_args(enabled=False), {"light": "left"},
     "The X/Y/Z plot varies [Relight] Light, but Relight is off; open the Relight accordion and enable it, or choose another axis."),
    (panel_args(iclight=False, unit1_enabled=True), {"light": "left"},
     "The X/Y/Z plot varies [Relight] Light, but IC-Light is off; enable it in Relight's Light tab, or choose another axis."),
    (panel_args(), {"unit1_weight": 1.0},
     "The X/Y/Z plot varies [Relight IP] Weight, but its first unit is off; enable it in Relight's tab Image 1, or choose another axis."),
    ([{"ip_adapter": [{"model": "a"}]}], {"light": "left"},
     "The X/Y/Z plot varies [Relight] Light, but IC-Light is off; add `iclight`, or choose another axis."),
    ([{"iclight": {}, "ip_adapter": [{"enabled": False}]}], {"unit1_weight": 1.0},
     "The X/Y/Z plot varies [Relight IP] Weight, but there is no image prompt; add a unit to `ip_adapter`, or choose another axis."),
])
def test_an_axis_over_what_is_off_is_rejected(args, values, sentence):
    assert error_of(xyz_axes.overridden, args, cell(**values)) == sentence
