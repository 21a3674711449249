"""Chromium, the host whose page it opens, and the page objects that the tests work with."""

import os
import shutil

import hub_server
import pytest
from api.serving import ROOT, HostProcess, demo_models
from browser.pages.accordion import Accordion
from browser.pages.images import draw_subject
from browser.pages.light_pad import LightPad
from browser.pages.panel import Panel
from browser.stage import EXTENSION, Stage
from contract.adapter_files import SD15, write_base, write_encoder
from contract.processes import WebuiHost
from PIL import Image

FLAGS = ("--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
         "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1500,1600")

FAILED: list[str] = []
"""Tests that failed since `open_pad` was last made."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in item.path.parts[:-1]:
            item.add_marker(pytest.mark.browser)


def pytest_exception_interact(node):
    """The page of a test that failed is not used again."""
    FAILED.append(node.nodeid)


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
        name = "staged" if "staged" in metafunc.fixturenames else "host"
        metafunc.parametrize(name, ["embedded", "webui"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def webui(webui_path, hub, tmp_path_factory):
    """The real WebUI given with --webui."""
    stage = Stage(tmp_path_factory.mktemp("stage"), (webui_path / "models" / "iclight").glob("*.safetensors"), hub)
    with WebuiHost(tmp_path_factory.mktemp("webui"), webui_path, EXTENSION, stage.environment) as process:
        process.stage = stage
        yield process


@pytest.fixture(scope="session")
def host(request):
    return request.getfixturevalue(getattr(request, "param", "embedded"))


@pytest.fixture(scope="session")
def staged(request, tmp_path_factory):
    """A host with a `stage`: a further embedded one, or the real WebUI."""
    if getattr(request, "param", "embedded") == "webui":
        yield request.getfixturevalue("webui")
        return
    stage = Stage(tmp_path_factory.mktemp("stage"), demo_models().iterdir(), request.getfixturevalue("hub"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELIGHT_STAGE", stage.environment["RELIGHT_STAGE"])
        with HostProcess(tmp_path_factory.mktemp("host"), [ROOT, EXTENSION]) as process:
            process.stage = stage
            yield process


@pytest.fixture(scope="session")
def hub():
    """A server that plays the hub of the staged hosts."""
    with hub_server.running() as server:
        yield server


@pytest.fixture
def own_models(staged):
    """The only model folder of the staged host, with links to files that it can use."""
    with staged.stage.own_models() as folder:
        yield folder


@pytest.fixture
def staged_panel(chromium, staged, own_models):
    """The freshly opened page of the staged host."""
    page = Panel(chromium, staged.url, isinstance(staged, WebuiHost))
    page.open()
    return page


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

    The page is that of the test before where that used it as well, and passed.
    """
    pad = LightPad(Panel(chromium, host.url, isinstance(host, WebuiHost)))
    chromium.get_log("browser")
    may_reuse, FAILED[:] = not FAILED, []
    if not (may_reuse and chromium.execute_script("return !!window.padFields") and pad.reset() is True):
        pad.panel.open()
        pad.open()
        assert pad.reset() is True
    return pad


@pytest.fixture
def image_prompts(host):
    """The host has an IP-Adapter and its encoder."""
    if isinstance(host, WebuiHost):
        write_base(host.folder / "broken", SD15)
        write_encoder(host.folder / "broken")


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


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    """An opaque image, 96x64."""
    path = tmp_path_factory.mktemp("images") / "photo.png"
    Image.new("RGB", (96, 64), (180, 90, 60)).save(path)
    return path


@pytest.fixture
def small_screen(chromium):
    """The page is seen on 1280x720 pixels."""
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False})
    yield
    chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
