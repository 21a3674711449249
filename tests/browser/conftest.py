"""Chromium, the host whose page it opens, and the page objects that the tests work with."""

import os
import shutil

import pytest
from browser.pages.accordion import Accordion
from browser.pages.images import draw_subject
from browser.pages.light_pad import LightPad
from browser.pages.panel import Panel
from contract.processes import WebuiHost

FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1500,1600")


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts[:-1]:
            item.add_marker(pytest.mark.browser)


def missing_parts():
    """What this machine lacks to drive a browser, in words, or ""."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "the package selenium is not installed"
    if not shutil.which("chromium") or not shutil.which("chromedriver"):
        return "chromium and chromedriver are not installed (Debian: chromium, chromium-driver)"
    return ""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if reason := missing_parts():
        if os.environ.get("RELIGHT_REQUIRE_BROWSER"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def pytest_generate_tests(metafunc):
    """Tests marked any_page run on the embedded host's page and, with --webui PATH, on a real WebUI's."""
    if metafunc.config.getoption("--webui") and metafunc.definition.get_closest_marker("any_page"):
        metafunc.parametrize("host", ["embedded", "webui"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def host(request, webui_path, tmp_path_factory):
    if getattr(request, "param", "embedded") == "embedded":
        yield request.getfixturevalue("embedded")
        return
    with WebuiHost(tmp_path_factory.mktemp("webui"), webui_path) as process:
        yield process


@pytest.fixture
def panel(chromium, host, request):
    """The freshly opened page. RELIGHT_SCREENSHOTS names a folder for a screenshot of each test's last state."""
    page = Panel(chromium, host.url, isinstance(host, WebuiHost))
    page.open()
    yield page
    if folder := os.environ.get("RELIGHT_SCREENSHOTS"):
        page.screenshot(os.path.join(folder, f"{request.node.name}.png"))


@pytest.fixture
def accordion(panel):
    """Relight's accordion, folded, on a fresh page."""
    return Accordion(panel)


@pytest.fixture
def pad(panel):
    """The light pad, in its folded accordion on a fresh page."""
    return LightPad(panel)


@pytest.fixture
def open_pad(chromium, host):
    """The light pad in its open accordion with every field at its default; for tests that leave images alone.

    The page is that of the test before where that used it as well.
    """
    pad = LightPad(Panel(chromium, host.url, isinstance(host, WebuiHost)))
    chromium.get_log("browser")
    if not (chromium.execute_script("return !!window.padFields") and pad.reset() is True):
        pad.panel.open()
        pad.open()
        assert pad.reset() is True
    return pad


@pytest.fixture(scope="session")
def load_modules(chromium, repo_root):
    """load_modules("light_kinds", "light") runs modules of the page in an empty document. Returns the driver."""
    def load(*names):
        chromium.get("about:blank")
        chromium.execute_script("window.relight = {onReady: () => {}}")
        for name in names:
            chromium.execute_script((repo_root / "javascript" / "relight" / f"{name}.js").read_text("utf8"))
        return chromium

    return load


@pytest.fixture(scope="session")
def subject(tmp_path_factory):
    """An image with transparency: a brown oval, 64x64."""
    return draw_subject(tmp_path_factory.mktemp("images") / "subject.png", (64, 64))
