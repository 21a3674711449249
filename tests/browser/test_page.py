"""The page itself: what extensions' files find in it, and a job from both tabs."""

import pytest
from PIL import Image

pytestmark = pytest.mark.once_per_gradio
PROBE = "script_txt2img_probe"


@pytest.fixture
def small_job(panel):
    """Sets the cheapest job on a tab."""
    def prepare(tab="txt2img", **changes):
        if tab != panel.tab:
            panel.select_tab(tab)
        values = {"steps": 2, "width": 64, "height": 64, "seed": 7, "prompt": "a vase", **changes}
        for name, value in values.items():
            panel.fill(f"{tab}_{name}", value)

    return prepare


def test_the_page_loads_extensions_files_without_an_error(panel):
    assert panel.driver.execute_script("return window.probeScript") == {"loaded": 1, "prompt": True}
    assert panel.driver.execute_script("return window.probeModule") == 42
    assert "1, 2, 3" in panel.find(f"#{PROBE}_enabled").value_of_css_property("outline-color")
    assert panel.console_errors() == []


def test_nothing_is_asked_of_other_servers(panel):
    names = panel.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert names and not [name for name in names if not name.startswith((panel.url, "data:", "blob:"))]


def test_interrupt_and_skip_are_there_only_while_a_job_runs(panel, small_job):
    assert not panel.find("#txt2img_interrupt").is_displayed()
    small_job(steps=150, width=256, height=256)
    panel.start()
    panel.until(lambda: panel.find_all("#txt2img_progress .host-progress-bar"), "progress")
    assert panel.find("#txt2img_interrupt").is_displayed() and panel.find("#txt2img_skip").is_displayed()
    panel.until(lambda: "%" in panel.find("#txt2img_progress").text, "the percentage")
    panel.click("#txt2img_interrupt")
    panel.finish()
    assert panel.find("#txt2img_generate").is_displayed()
    assert not panel.find_all("#txt2img_progress .host-progress-bar")


def test_txt2img(panel, small_job):
    small_job()
    panel.generate()
    assert len(panel.images()) == 1
    assert panel.infotext.startswith("a vase\nSteps: 2, ")
    assert "Seed: 7, Size: 64x64" in panel.infotext
    assert panel.log.startswith("Time taken: ")


def test_img2img(panel, small_job, tmp_path):
    Image.new("RGB", (64, 64), (200, 40, 40)).save(tmp_path / "red.png")
    small_job("img2img")
    panel.upload("img2img_image", tmp_path / "red.png")
    panel.generate()
    assert len(panel.images()) == 1
    assert "Denoising strength: 0.75" in panel.infotext


def test_img2img_without_an_image_says_what_is_missing(panel, small_job):
    small_job("img2img")
    panel.generate()
    assert "img2img needs an image: drop one on the field “Image”." in panel.find("#html_log_img2img .error").text


def test_unfolding_the_accordion_ticks_it_but_its_tick_does_not_unfold_it(panel):
    """As in every WebUI."""
    body = f"#{PROBE}_text"
    assert not panel.checked(f"{PROBE}_enabled-visible-checkbox")
    panel.click(f"#{PROBE}_enabled .label-wrap")
    panel.until(lambda: panel.checked(f"{PROBE}_enabled-visible-checkbox"), "the tick")
    assert panel.find(body).is_displayed()
    panel.click(f"#{PROBE}_enabled .label-wrap")
    panel.until(lambda: not panel.checked(f"{PROBE}_enabled-visible-checkbox"), "no tick")
    panel.click(f"#{PROBE}_enabled-visible-checkbox")
    panel.until_painted()
    assert not panel.find(body).is_displayed()
    panel.click(f"#{PROBE}_enabled .label-wrap")
    panel.until(lambda: panel.find(body).is_displayed(), "the open accordion")
    assert panel.checked(f"{PROBE}_enabled-visible-checkbox")


def test_a_pasted_infotext_restores_the_page_and_the_scripts_panel(panel, small_job):
    small_job(prompt="a cup, by the window", neg_prompt="blur: none")
    panel.click(f"#{PROBE}_enabled .label-wrap")
    panel.until(lambda: panel.checked(f"{PROBE}_enabled-visible-checkbox"), "the tick")
    panel.fill(f"{PROBE}_text", "one, two: three")
    panel.fill(f"{PROBE}_amount", 0.3)
    panel.choose(f"{PROBE}_side", "right")
    panel.generate()
    infotext = panel.infotext
    assert 'Probe text: "one, two: three", Probe amount: 0.3, Probe side: right' in infotext

    panel.open()
    assert panel.value("txt2img_steps") == "20" and not panel.checked(f"{PROBE}_enabled-visible-checkbox")
    panel.paste(infotext)
    assert panel.value("txt2img_prompt") == "a cup, by the window"
    assert panel.value("txt2img_neg_prompt") == "blur: none"
    assert [panel.value(f"txt2img_{name}") for name in ("steps", "width", "height", "seed")] == ["2", "64", "64", "7"]
    assert panel.checked(f"{PROBE}_enabled-visible-checkbox")
    assert panel.value(f"{PROBE}_text") == "one, two: three"
    assert (panel.value(f"{PROBE}_amount"), panel.chosen(f"{PROBE}_side")) == ("0.3", "right")
    panel.generate()
    assert panel.infotext == infotext


def test_hires_is_restored_and_reset(panel, small_job):
    small_job()
    panel.paste("x\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64, Denoising strength: 0.4, Hires upscale: 1.5, "
                "Hires upscaler: Latent")
    assert panel.checked("txt2img_hr-visible-checkbox")
    assert (panel.value("txt2img_hr_scale"), panel.value("txt2img_denoising_strength")) == ("1.5", "0.4")
    panel.paste("y\nSteps: 3, Sampler: Euler, Seed: 1, Size: 64x64")
    assert not panel.checked("txt2img_hr-visible-checkbox")
