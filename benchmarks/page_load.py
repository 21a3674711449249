"""What Relight adds to the opening of the page: first contentful paint and readiness with and without it, and opening the panel.

    python benchmarks/page_load.py [--rounds 10] [--beside URL]

Two embedded hosts, one with the extension and one without, are opened in turns in headless Chromium with an empty cache. Ready is
when the Generate button of the page is there. --beside adds a page that is served already, such as an older version's. Needs the
packages of requirements/test.txt, Chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver

KEYS = ("paint", "ready", "kB")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "devtools")]

import environments  # noqa: E402

if "sd_relight" not in sys.modules:
    environments.make_root_package(ROOT)

from api.serving import HostProcess  # noqa: E402
from browser.conftest import FLAGS  # noqa: E402

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


def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in FLAGS.split():
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--beside", metavar="URL")
    args = parser.parse_args()
    rounds = args.rounds
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, \
            HostProcess(one, []) as plain, HostProcess(two, [ROOT]) as ours:
        driver = browser()
        try:
            hosts = {"without Relight": plain.url, "with Relight": ours.url, **({"beside": args.beside} if args.beside else {})}
            for url in hosts.values():
                load(driver, url)
            loads = [{name: load(driver, url) for name, url in hosts.items()} for _ in range(rounds)]
            opened = [open_panel(driver, ours.url) for _ in range(3)]
        finally:
            driver.quit()
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
