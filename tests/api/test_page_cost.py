"""What the panel adds to the page that the host serves."""

import json
import re

import requests


def test_no_event_of_the_panel_is_described_as_an_api(host):
    """gradio writes every described event with all its fields into the page: two megabytes of it for this panel."""
    assert [event["api_name"] for event in panel_events(host) if event["api_name"]] == []


def test_no_event_of_the_panel_uses_the_hosts_event_stream(host):
    """gradio 4.40 loses the answer to a queued event that is sent while the stream of an earlier one closes."""
    assert [event["targets"] for event in panel_events(host) if event["queue"] is not False] == []


def panel_events(host):
    """The panel's events that call the server, from the page's config."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    elem_ids = {component["id"]: str(component["props"].get("elem_id")) for component in config["components"]}
    ours = {number for number, name in elem_ids.items() if "_relight_" in name}
    events = [event for event in config["dependencies"] if event["backend_fn"] and ours & {*map(component_of, event["targets"])}]
    assert len(events) > 10
    return events


def component_of(target):
    """gradio 3 names the component of an event's target, gradio 4 its component and event."""
    return target if isinstance(target, int) else target[0]


def test_the_panel_needs_no_file_to_be_written_while_the_page_is_built(host):
    """Forge Neo's folder for such files is not there yet: the whole panel would be missing."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    values = {str(component["props"].get("elem_id")): str(component["props"].get("value")) for component in config["components"]}
    ours = {name: value for name, value in values.items() if "_relight_" in name}
    assert len(ours) > 100
    assert [name for name, value in ours.items() if ".png" in value or "'path'" in value or "'name'" in value] == []


def test_one_script_of_ours_stands_in_the_pages_head(host):
    """A browser loads and runs every script of the head before it paints anything."""
    page = requests.get(host.url, timeout=60).text
    assert re.findall(r'src="[^"]*/javascript/(relight[^"?]*)', page) == ["relight_main.js"]


def test_the_page_holds_no_image_of_ours_and_no_description_of_an_api(host):
    """gradio 3 describes every file by 15 kB, and every image by one in base64: that was a third of the page."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    ours = [json.dumps(component) for component in config["components"]
            if "_relight_" in str(component["props"].get("elem_id"))]
    assert [text[:200] for text in ours if "base64," in text or len(text) > 4000] == []


def test_the_two_panels_stay_below_the_components_of_the_first_panel(host):
    """Each costs page load time; the first panel had 668 in both tabs."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    names = {component["id"]: str(component["props"].get("elem_id")) for component in config["components"]}
    panels = [found for name in ("script_txt2img_relight_enabled", "script_img2img_relight_enabled")
              for found in nodes(config["layout"]) if names.get(found["id"]) == name]
    assert 400 < sum(len(nodes(panel)) for panel in panels) < 668


def nodes(layout):
    """A part of a page's layout and all parts inside."""
    return [layout, *(inside for child in layout.get("children") or [] for inside in nodes(child))]


def test_every_module_is_one_that_the_main_script_loads(repo_root):
    main = (repo_root / "javascript" / "relight_main.js").read_text("utf8")
    loaded = re.findall(r'"(\w+)"', re.search(r"MODULES = \[(.*?)\]", main, re.DOTALL)[1])
    assert sorted(loaded) == sorted(path.stem for path in (repo_root / "javascript" / "relight").glob("*.js"))


def test_an_examples_thumbnail_is_served(host):
    page = requests.get(f"{host.url}/config", timeout=60).text
    addresses = set(re.findall(r"relight/v1/examples/[\w-]+", page))
    assert len(addresses) > 3
    for address in addresses:
        answer = requests.get(f"{host.url}/{address}", timeout=60)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg"), address
    assert requests.get(f"{host.url}/relight/v1/examples/none", timeout=60).status_code == 404


def test_the_panel_has_more_fields_than_boxes_around_them(host):
    """Every component costs the opening page about a millisecond, one that only holds others as well."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    by_id = {component["id"]: component for component in config["components"]}

    def inside(node, is_ours=False):
        component = by_id.get(node["id"], {"type": "", "props": {}})
        is_ours = is_ours or str(component["props"].get("elem_id")).endswith("_relight_enabled")
        return [component["type"]] * is_ours + [kind for child in node.get("children") or () for kind in inside(child, is_ours)]

    kinds = inside(config["layout"])
    boxes = sum(kind in ("row", "column", "form", "group") for kind in kinds)
    fields = sum(kind in ("slider", "dropdown", "checkbox", "textbox", "radio") for kind in kinds)
    assert fields > 200 and boxes < 0.7 * fields
