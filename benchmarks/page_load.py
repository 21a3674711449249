"""What Relight adds to the opening of the page: first contentful paint and readiness with and without it, and opening the panel.

    python benchmarks/page_load.py [--rounds 10] [--beside URL]

Two embedded hosts, one with the extension and one without, are opened in turns in headless Chromium with an empty cache. Ready is
when the Generate button of the page is there. --beside adds a page that is served already, such as an older version's. Needs the
packages of requirements/test.txt, Chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from selenium import webdriver

KEYS = ("paint", "ready", "kB")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "devtools"))

import environments  # noqa: E402
import processes  # noqa: E402

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--disable-dev-shm-usage", "--window-size=1500,1600")
SERVING = "serving "

READY = """
const done = arguments[0];
const ready = () => {
    if (!document.querySelector("#txt2img_generate")) return requestAnimationFrame(ready);
    const at = performance.now();
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    const [page] = performance.getEntriesByType("navigation");
    return paint ? done({paint: paint.startTime, ready: at, kB: page.decodedBodySize / 1000}) : requestAnimationFrame(ready);
};
ready();
"""
SHIFTS = """
window.shifts = [];
const panel = document.querySelector("#script_txt2img_relight_enabled");
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        if (entry.sources.some(({node}) => panel !== node && panel.contains(node))) window.shifts.push(entry.value);
    }
}).observe({type: "layout-shift"});
"""
OPEN = """
const done = arguments[0], began = performance.now();
document.querySelector("#script_txt2img_relight_enabled > .label-wrap").click();
const look = () => {
    const pad = relight.pads?.txt2img;
    return pad && pad.paintMs ? done(performance.now() - began) : requestAnimationFrame(look);
};
look();
"""


def serve(extensions: list[str]) -> None:
    """Serve an embedded host with these extensions until this process is ended. Prints its address."""
    environments.make_root_package(ROOT)
    from sd_relight.embedded_host.cli.session import DEMO_MODELS
    from sd_relight.embedded_host.host import EmbeddedHost
    from sd_relight.embedded_host.page.server import ServerThread

    with tempfile.TemporaryDirectory() as data:
        EmbeddedHost(DEMO_MODELS, device="cpu", extensions=extensions, data_dir=data)
        print(f"{SERVING}{ServerThread().start().url}", flush=True)
        threading.Event().wait()


@contextlib.contextmanager
def served(*extensions: Path) -> Iterator[str]:
    """Yield the address of an embedded host in a process of its own."""
    with processes.child([sys.executable, __file__, "--serve", *extensions]) as process:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith(SERVING):
                break
        else:
            sys.exit(f"The embedded host did not start:\n{''.join(printed)}")
        yield line.removeprefix(SERVING).strip()
        processes.end(process)


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    return driver


def load(driver, url: str) -> dict:
    """Milliseconds since the navigation began."""
    driver.get("about:blank")
    driver.get(url)
    return driver.execute_async_script(READY)


def open_panel(driver, url: str) -> tuple[float, float]:
    """Milliseconds until the pad is painted, and the sum of the layout shifts that moved anything inside the panel."""
    load(driver, url)
    time.sleep(2)
    driver.execute_script(SHIFTS)
    took = driver.execute_async_script(OPEN)
    time.sleep(1)
    return took, sum(driver.execute_script("return window.shifts"))


def measured(rounds: int, beside: str | None) -> tuple[list[dict[str, dict]], list[tuple[float, float]]]:
    """Return the loads of every page in each round, and the openings of Relight's panel."""
    with served() as plain, served(ROOT) as ours:
        driver = browser()
        try:
            pages = {"without Relight": plain, "with Relight": ours, **({"beside": beside} if beside else {})}
            for url in pages.values():
                load(driver, url)
            loads = [{name: load(driver, url) for name, url in pages.items()} for _ in range(rounds)]
            return loads, [open_panel(driver, ours) for _ in range(3)]
        finally:
            driver.quit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--beside", metavar="URL")
    parser.add_argument("--serve", nargs="*", metavar="EXTENSION", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve is not None:
        serve(args.serve)
        return
    rounds = args.rounds
    loads, opened = measured(rounds, args.beside)
    hosts = list(loads[0])
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    print(f"{'median of ' + str(rounds) + ' loads, ms':28}{'first paint':>14}{'ready':>10}{'page, kB':>10}")
    medians = [{key: statistics.median(row[name][key] for row in loads) for key in KEYS} for name in hosts]
    difference = {key: medians[1][key] - medians[0][key] for key in KEYS}
    for name, row in zip((*hosts, "Relight's share"), (*medians, difference)):
        print(f"{name:28}{row['paint']:14.0f}{row['ready']:10.0f}{row['kB']:10.0f}")
    print(f"panel opened, pad painted: {statistics.median(took for took, _ in opened):.0f} ms; "
          f"layout shift inside the panel: {max(shift for _, shift in opened):.4f}")


if __name__ == "__main__":
    main()
