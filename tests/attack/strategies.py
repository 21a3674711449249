"""Hypothesis strategies from the JSON Schema of a request: valid objects, wrong values of single fields, hostile JSON."""

import copy

import numpy as np
from encoding import encoded
from hypothesis import strategies as st
from PIL import Image
from sd_relight.lib_ipadapter.params import ALIASES

DEEP = 250
"""Levels of nesting that the tests themselves can copy; deeper ones are sent as text, see test_openapi."""


def png(array):
    return encoded(Image.fromarray(array))


SLOPE = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
IMAGES = (png(np.dstack([SLOPE, SLOPE[::-1], SLOPE])), png(SLOPE), png(np.dstack([SLOPE] * 3 + [SLOPE * 2])))
BROKEN_IMAGES = (IMAGES[0][:100], IMAGES[0][:-40], "aGVsbG8=", "%%%", "http://127.0.0.1/x.png", "file:///etc/passwd", "data:image/png;base64,",
                 png(np.zeros((4, 4), np.uint8)), "\ud800", "/etc/passwd")
HOSTILE = (None, True, False, 0, -1, 1.5, 10**9, 10**400, -(10**400), 1e308, float("nan"), float("inf"), -float("inf"), "", " ", "left", "LEFT ",
           "\ud800", "\0", "../../etc/passwd", "x" * 100_000, "²", "9" * 5000, "1e999", "__class__", "${jndi:x}", "<script>", [], [[]], [None],
           [0] * 2000, {}, {"": ""}, {"image": None}, {"image": {"image": "x"}}, {"__proto__": {}}, *BROKEN_IMAGES)


def nested(kind):
    tree = 1
    for _ in range(DEEP):
        tree = [tree] if kind == "list" else {"image": tree}
    return tree


hostile = st.one_of(
    st.sampled_from(HOSTILE), st.sampled_from(["list", "dict"]).map(nested), st.floats(), st.integers(-2**70, 2**70), st.text(max_size=20),
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6))


# Valid ------------------------------------------------------------------------------------------------------------

def valid(schema):
    """Values that a schema of lib_relight.request.schema accepts, rules between fields aside."""
    if "contentEncoding" in schema:
        return st.sampled_from(IMAGES)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema and "type" not in schema:
        return st.one_of([valid(form) for form in schema["anyOf"]])
    return {"string": texts, "integer": numbers, "number": numbers, "array": lists, "object": objects, "boolean": lambda _: st.booleans(),
            "null": lambda _: st.none(), None: lambda _: st.sampled_from([None, 1, "x"])}[schema.get("type")](schema)


def texts(schema):
    if "examples" in schema:
        return st.sampled_from(schema["examples"])
    return st.from_regex(schema["pattern"], fullmatch=True) if "pattern" in schema else st.just("ip-adapter")


def numbers(schema):
    low, high = schema.get("minimum", -10), schema.get("maximum", 10)
    between = st.integers(low, high) if schema["type"] == "integer" else st.floats(low, high, allow_subnormal=False)
    return st.sampled_from([low, high]) | between


def lists(schema):
    size = schema.get("maxItems", 3)
    if "anyOf" in schema:
        return st.lists(valid(schema["items"]), min_size=size, max_size=size) | st.just([])
    least = schema.get("minItems", 0)
    if least > 100:  # an embedding
        return st.floats(0.5, 1).map(lambda first: [first] + [0.25] * (least - 1))
    return st.lists(valid(schema["items"]), min_size=least, max_size=max(least, min(size, 3)))


def objects(schema, most=6):
    """Up to `most` of an object's properties and those that it requires."""
    if "properties" not in schema:
        return st.dictionaries(st.sampled_from("0 3 15".split()), valid(schema["additionalProperties"]), max_size=2)
    fields = {name: valid(field) for name, field in schema["properties"].items() if name != "enabled"}
    required = [*schema.get("required", ()), *(("model", "image") if "crop_box" in fields else ())]
    names = st.lists(st.sampled_from(list(fields)), max_size=most, unique=True)

    @st.composite
    def build(draw):
        made = {name: copy.deepcopy(draw(fields[name])) for name in dict.fromkeys([*required, *draw(names)])}
        return with_rules(made) if "crop_box" in fields else made

    return build()


def with_rules(unit):
    """A unit in which each field has one name, and that keeps the rules between fields."""
    named = {}
    for name, value in unit.items():
        target = ALIASES.get(name, name)
        if target not in {ALIASES.get(other, other) for other in named} and not (value is None and name in ALIASES):
            named[name] = value
    start, end = (next((name for name in named if ALIASES.get(name, name) == target), target) for target in ("start", "end"))
    first, last = sorted([named.get(start, 0.0), named.get(end, 1.0)])
    named |= {start: first, end: last, "image": IMAGES[0], "model": "ip-adapter"}
    if named.get("crop_box") or named.get("crop") == "box":
        named["crop_box"] = [0.1, 0.2, 0.8, 0.9]
    if any(name == "mask" or ALIASES.get(name) == "mask" for name in named):
        named["combine"] = "separate"
    return named


def requests(schema, most=6):
    """Objects for `args`: iclight, one unit or several, or both, with up to `most` fields each."""
    light, unit = (objects(schema["properties"][name]["anyOf"][0], most) for name in ("iclight", "ip_adapter"))
    parts = {"iclight": light, "ip_adapter": unit | st.lists(unit, min_size=1, max_size=2)}
    return st.one_of(st.fixed_dictionaries({"iclight": parts["iclight"]}), st.fixed_dictionaries({"ip_adapter": parts["ip_adapter"]}),
                     st.fixed_dictionaries(parts))


# Wrong ------------------------------------------------------------------------------------------------------------

def wrong(schema):
    """Values of one field that its schema rejects and that no spelling makes right."""
    forms = [form for form in schema.get("anyOf", [schema]) if form.get("type") != "null"] if "type" not in schema else [schema]
    null = [] if any(form.get("type") == "null" for form in schema.get("anyOf", ())) else [None]
    if any("contentEncoding" in form for form in forms):
        return st.sampled_from([3, True, 0.5, "%%%", {"image": 3}])
    form = forms[0]
    if "enum" in form:
        return st.sampled_from([*null, "no such choice", 3, True, ["left"], {}])
    if form["type"] in ("number", "integer"):
        return st.sampled_from([*null, form["minimum"] - 1, form["maximum"] + 0.5, 10**30, "much", True, [1.0], {}])
    return st.sampled_from({
        "boolean": [*null, 0, 1, "true", []], "string": [*null, 3, True, {"a": "b"}, [["x"]]],
        "array": [*null, 3, "x", {"a": 1}, ["x"], [[1.0]], [10**9]]}[form["type"]])


def wrong_field(schema):
    """(request, field, value): a request with one field that has a wrong value, or that the schema does not have."""
    cases = []
    for part, body in (("iclight", {}), ("ip_adapter", {"model": "ip-adapter", "image": IMAGES[0]})):
        for name, field in schema["properties"][part]["anyOf"][0]["properties"].items():
            if "title" in field and name not in ("layer_weights", "lights", "place") or "contentEncoding" in str(field) and "x-alias-of" not in field:
                cases.append((part, body, name, wrong(field)))
        cases.append((part, body, "unknown_field", st.just(1)))

    @st.composite
    def build(draw):
        part, body, name, values = draw(st.sampled_from(cases))
        value = draw(values)
        return {part: {**body, name: value}}, name, value

    return build()


# Hostile ----------------------------------------------------------------------------------------------------------

def mutated(payloads):
    """Payloads in which one to three places are replaced, removed or added to."""
    kinds = st.sampled_from(["replace", "replace", "replace", "remove", "add"])
    keys = st.sampled_from(["unknown", "Light", "enabled", "", "\ud800", "x" * 10_000, "__init__"])
    counts, numbers = st.integers(1, 3), st.integers(0, 1000)

    @st.composite
    def build(draw):
        payload = copy.deepcopy(draw(payloads))
        for _ in range(draw(counts)):
            if places := list(places_in(payload)):
                container, key = places[draw(numbers) % len(places)]
                kind = draw(kinds)
                if kind == "remove":
                    del container[key]
                elif kind == "add" and isinstance(container, dict):
                    container[draw(keys)] = copy.deepcopy(draw(hostile))
                else:
                    container[key] = copy.deepcopy(draw(hostile))
        return payload

    return build()


def places_in(tree, depth=0):
    """(container, key or index) of every value down to three levels."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, (dict, list)) and depth < 3:
            yield from places_in(value, depth + 1)
