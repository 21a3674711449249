"""What the panel adds to the page that the host serves."""

import requests


def test_no_event_of_the_panel_is_described_as_an_api(host):
    """gradio writes every described event with all its fields into the page: two megabytes of it for this panel."""
    config = requests.get(f"{host.url}/config", timeout=60).json()
    ours = {component["id"] for component in config["components"]
            if "_relight_" in str(component["props"].get("elem_id"))}
    events = [event for event in config["dependencies"] if ours & {*map(component_of, event["targets"])}]
    assert len(events) > 50
    assert [event["api_name"] for event in events if event["api_name"]] == []


def component_of(target):
    """gradio 3 names the component of an event's target, gradio 4 its component and event."""
    return target if isinstance(target, int) else target[0]
