"""Takes the screenshot of the panel that the README shows: the img2img accordion with a subject and a light from the left.

    python devtools/screenshot.py docs/panel.jpg [--width 1280] [--dark]

Starts the embedded host and headless Chromium. Needs the packages of requirements/test.txt, Chromium and chromedriver.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from api.serving import HostProcess  # noqa: E402
from browser.conftest import FLAGS  # noqa: E402

WAIT_SECONDS = 60
ACCORDION = "script_img2img_relight_enabled"
OPEN = "document.querySelector('#tabs > .tab-nav > button:nth-child(2)').click(); relight.show('img2img')"
SET_LIGHT = "relight.fields.set('img2img', {light: 'left', matting: 'none'}).then(arguments[0])"
IS_DRAWN = "const image = document.querySelector('#img2img_image img'); return image && relight.pads?.img2img?.pictures?.image"


def open_browser(width: int, folder: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS.split(), f"--user-data-dir={folder}", "--hide-scrollbars"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": 2400, "deviceScaleFactor": 1, "mobile": False})
    return driver


def shoot(driver: webdriver.Chrome, url: str) -> Image.Image:
    """Open the panel, add the subject, set the light, and return the accordion's image."""
    wait = WebDriverWait(driver, WAIT_SECONDS)
    driver.get(url)
    wait.until(lambda d: d.execute_script("return !!window.relight?.fields && !!document.querySelector('#img2img_image')"))
    driver.execute_script(OPEN)
    driver.find_element("css selector", "#img2img_image input[type=file]").send_keys(str(ROOT / "assets" / "astronaut.jpg"))
    wait.until(lambda d: d.execute_script(IS_DRAWN))
    driver.execute_async_script(SET_LIGHT)
    time.sleep(3)  # the pad repaints at most 0.7 s after a change, thumbnails fade in
    return Image.open(io.BytesIO(driver.find_element("id", ACCORDION).screenshot_as_png)).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1280, help="width of the window in pixels")
    parser.add_argument("--dark", action="store_true", help="the dark theme")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as profile, HostProcess(data, [ROOT]) as host:
        driver = open_browser(args.width, profile)
        try:
            image = shoot(driver, f"{host.url}/?__theme={'dark' if args.dark else 'light'}")
        finally:
            driver.quit()
    image.save(args.out, quality=88)
    print(f"{args.out}: {image.width}x{image.height}")


if __name__ == "__main__":
    main()
