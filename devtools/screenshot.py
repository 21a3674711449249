"""Takes the screenshots of the panel that the README shows: the img2img accordion with a subject, a warm light and a blue spot.

    python devtools/screenshot.py docs      # panel.jpg, panel-dark.jpg, panel-phone.jpg, panel-phone-dark.jpg

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
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "devtools")]

import environments  # noqa: E402

environments.make_root_package(ROOT)

from api.serving import HostProcess  # noqa: E402
from browser.conftest import FLAGS  # noqa: E402

WAIT_SECONDS = 60
ACCORDION = "script_img2img_relight_enabled"
OPEN = "document.querySelector('#tabs > .tab-nav > button:nth-child(2)').click(); relight.show('img2img')"
LIGHTS = {"light": "left", "light_color": "3200K", "matting": "none",
          "lights": '[{"light": "spot", "light_x": 0.85, "light_y": 0.2, "light_radius": 0.6, "light_color": "#5a7dff"}]'}
SET_LIGHTS = "relight.fields.set('img2img', arguments[0]).then(arguments[1])"
WIDTHS = {"panel": 1280, "panel-phone": 390}
IS_DRAWN = "const image = document.querySelector('#img2img_image img'); return image && relight.pads?.img2img?.images?.image"


def open_browser(folder: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in [*FLAGS.split(), f"--user-data-dir={folder}", "--hide-scrollbars"]:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def shoot(driver: webdriver.Chrome, url: str, width: int) -> Image.Image:
    """Open the panel on a page of this width, add the subject, set the lights, and return the accordion's image."""
    is_phone = width < 500
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": 2400, "deviceScaleFactor": 1, "mobile": is_phone})
    driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": is_phone})
    wait = WebDriverWait(driver, WAIT_SECONDS)
    driver.get(url)
    wait.until(lambda d: d.execute_script("return !!window.relight?.fields && !!document.querySelector('#img2img_image')"))
    driver.execute_script(OPEN)
    driver.find_element("css selector", "#img2img_image input[type=file]").send_keys(str(ROOT / "assets" / "astronaut.jpg"))
    wait.until(lambda d: d.execute_script(IS_DRAWN))
    driver.execute_async_script(SET_LIGHTS, LIGHTS)
    time.sleep(3)  # the pad repaints at most 0.7 s after a change, thumbnails fade in
    return Image.open(io.BytesIO(driver.find_element("id", ACCORDION).screenshot_as_png)).convert("RGB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as data, tempfile.TemporaryDirectory() as profile, HostProcess(data, [ROOT]) as host:
        driver = open_browser(profile)
        try:
            for name, width in WIDTHS.items():
                for theme, ending in (("light", ""), ("dark", "-dark")):
                    image = shoot(driver, f"{host.url}/?__theme={theme}", width)
                    image.save(folder / f"{name}{ending}.jpg", quality=88)
                    print(f"{name}{ending}.jpg: {image.width}x{image.height}")
        finally:
            driver.quit()


if __name__ == "__main__":
    main()
