"""What a user does first, on the embedded host's page and, with --webui PATH, on a real WebUI's (see tests/contract/README.md)."""

import pytest
from browser.pad import LightPad
from browser.panel import Panel
from contract.processes import WebuiHost

PANEL = "script_{}_relight_{}"


def pytest_generate_tests(metafunc):
    if "page" in metafunc.fixturenames:
        hosts = ["embedded", "webui"] if metafunc.config.getoption("--webui") else ["embedded"]
        metafunc.parametrize("any_host", hosts, indirect=True, scope="module")


@pytest.fixture(scope="module")
def any_host(request, webui_path, tmp_path_factory):
    if request.param == "embedded":
        yield request.getfixturevalue("host")
        return
    with WebuiHost(tmp_path_factory.mktemp("webui"), webui_path) as process:
        yield process


@pytest.fixture
def page(chromium, any_host):
    panel = Panel(chromium, any_host.url)
    panel.open()
    return panel


def field(page, name):
    return PANEL.format(page.tab, name)


def open_relight(page, **changes):
    for name, value in {"steps": 2, "width": 128, "height": 128, "seed": 7, "prompt": "a vase", **changes}.items():
        page.fill(f"{page.tab}_{name}", value)
    page.open_accordion(field(page, "enabled"))
    page.until(lambda: page.find(f"#{field(page, 'light')}").is_displayed(), "the open panel")


def test_no_error_on_the_console_when_the_accordion_is_opened(page):
    open_relight(page)
    assert [line for line in page.console_errors() if "relight" in line.lower()] == []


def test_a_missing_subject_is_said_where_the_result_would_be(page):
    open_relight(page)
    page.generate()
    assert "`foreground` is missing: txt2img needs the subject's picture" in page.log


def test_generate_paste_and_generate_again(page, subject):
    open_relight(page)
    page.upload(field(page, "foreground"), subject)
    page.pick(field(page, "light"), "top-left")
    page.fill(field(page, "reinforce"), 0.25)
    page.generate()
    infotext, pictures = page.infotext, page.picture_bytes()
    assert "Relight light: top-left" in infotext and "Relight reinforce: 0.25" in infotext

    page.open()
    page.paste(infotext)
    page.until(lambda: page.checked(f"{field(page, 'enabled')}-visible-checkbox"), "the tick")
    page.open_accordion(field(page, "enabled"))
    assert page.value(field(page, "light")) == "top-left"
    assert page.value(field(page, "reinforce")) == "0.25"
    page.upload(field(page, "foreground"), subject)
    page.generate()
    assert (page.infotext, page.picture_bytes()) == (infotext, pictures)


def test_a_light_is_dragged_generated_and_pasted_back(page, subject):
    pad = LightPad(page)
    pad.open(width=128, height=128)
    page.upload(field(page, "foreground"), subject)
    pad.click_at(0.97, 0.5)
    pad.fields(light="right")
    pad.drag(pad.handle(), 0, 0)
    pad.fields(light="top-left")
    pad.press("add")
    pad.kind("spot")
    pad.drag(pad.handle(2), 0.75, 0.75)
    page.until(lambda: pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %", "the spot's place")
    page.until(lambda: '"light_x":0.75,"light_y":0.75' in pad.field("lights"), "the spot in the fields")
    page.generate()
    infotext, picture = page.infotext, page.picture_bytes()
    assert "Relight light: top-left" in infotext and 'light_x' in infotext
    assert [line for line in page.console_errors() if "relight" in line.lower()] == []

    page.open()
    page.paste(infotext)
    page.until(lambda: page.checked(f"{field(page, 'enabled')}-visible-checkbox"), "the tick")
    page.open_accordion(field(page, "enabled"))
    page.until(lambda: pad.find_all(".relight-pad-handle") and pad.words(2) == "spot at 75 % across and 75 % down, radius 50 %",
               "both lights on the pad")
    assert pad.words(1) == "from the top left corner"
    page.upload(field(page, "foreground"), subject)
    page.generate()
    assert (page.infotext, page.picture_bytes()) == (infotext, picture)
