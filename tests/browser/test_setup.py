"""The panel sets the host's controls for relighting, except those that the user has changed, and takes them back."""

import random
import time

import pytest
from PIL import Image

pytestmark = [pytest.mark.any_page, pytest.mark.once_per_gradio]


@pytest.fixture(scope="module")
def tall(tmp_path_factory):
    """An image with its own alpha, 512x704: no preset of a host has that size."""
    path = tmp_path_factory.mktemp("images") / "tall.png"
    image = Image.new("RGBA", (512, 704))
    image.paste((180, 90, 60, 255), (100, 100, 400, 600))
    image.save(path)
    return path


def controls(panel, *names):
    return [panel.value(f"{panel.tab}_{name}") for name in names]


def test_an_img2img_image_sets_size_cfg_steps_and_strength(panel, accordion, tall):
    accordion.open("img2img")
    before = controls(panel, "width", "height", "cfg_scale", "steps", "denoising_strength")
    panel.upload("img2img_image", tall)
    accordion.until_message("Set for relighting: 512×704, CFG 2, 25 steps, denoising 0.95.")
    assert controls(panel, "width", "height", "cfg_scale", "steps", "denoising_strength") == ["512", "704", "2", "25", "0.95"]
    panel.click(accordion.css("undo"))
    panel.until(lambda: controls(panel, "width", "height", "cfg_scale", "steps", "denoising_strength") == before, "what was there before")
    assert panel.console_errors() == []


def test_a_background_brings_its_models_settings(panel, accordion, tall, subject):
    accordion.open(steps=7)
    panel.upload(accordion("foreground"), tall)
    accordion.until_message("Set for relighting: 512×704, CFG 2.")
    panel.upload(accordion("background"), subject)
    accordion.until_message("Set for relighting: CFG 7.")
    assert controls(panel, "cfg_scale", "steps") == ["7", "7"]


def test_what_the_user_has_changed_stays_and_hires_is_left_alone(panel, accordion, tall):
    accordion.open(cfg_scale=5)
    panel.upload(accordion("foreground"), tall)
    accordion.until_message("Set for relighting: 512×704, 25 steps.")
    assert controls(panel, "cfg_scale", "steps") == ["5", "25"]
    assert not panel.checked("txt2img_hr-visible-checkbox")


TYPE_MEANWHILE = """
const [css] = arguments, own = relight.setup.withState;
relight.setup.withState = (...values) => {
    const answer = own(...values), input = document.querySelector(css);
    input.value = 3;
    for (const type of ["input", "change"]) input.dispatchEvent(new Event(type, {bubbles: true}));
    return answer;
};
"""
"""Types 3 once the server was asked."""


def test_what_is_typed_while_the_answer_is_on_its_way_stays(panel, accordion, tall):
    accordion.open()
    panel.driver.execute_script(TYPE_MEANWHILE, "#txt2img_steps input[type=number]")
    panel.upload(accordion("foreground"), tall)
    accordion.until_message("Set for relighting: ")
    panel.until(lambda: controls(panel, "steps", "cfg_scale") == ["3", "2"], "the user's steps")


HOLD_FIRST_ANSWER = """
const original = window.fetch;
window.fetch = (address, options, ...rest) => {
    const answer = original(address, options, ...rest);
    if (window.held || !String(options?.body).includes("has_background")) return answer;
    window.held = true;
    return answer.then((reply) => new Promise((resolve) => (window.release = () => resolve(reply))));
};
"""


def hold_first_settings(panel, accordion, subject):
    """Give a subject; the answer with its settings waits for window.release()."""
    panel.driver.execute_script(HOLD_FIRST_ANSWER)
    panel.upload(accordion("foreground"), subject)
    panel.until(lambda: panel.driver.execute_script("return !!window.release"), "the first request")


def test_a_subject_replaced_meanwhile_is_set_up_last(panel, accordion, tall, subject):
    """The settings of the first subject arrive after the second one has replaced it."""
    accordion.open()
    hold_first_settings(panel, accordion, subject)
    panel.upload(accordion("foreground"), tall)
    time.sleep(1)
    panel.driver.execute_script("window.release()")
    accordion.until_message("Set for relighting: 512×704.")
    assert controls(panel, "width", "height", "cfg_scale") == ["512", "704", "2"]


def test_the_status_line_follows_while_the_settings_are_on_their_way(panel, accordion, subject):
    accordion.open()
    hold_first_settings(panel, accordion, subject)
    panel.pick(accordion("light"), "left")
    accordion.until_outlook("1 light from the left")
    panel.driver.execute_script("window.release()")
    accordion.until_message("Set for relighting")


@pytest.fixture
def slow_network(chromium):
    """slow_network() makes the browser load 300 kB a second from then on."""
    yield lambda: chromium.set_network_conditions(latency=0, download_throughput=300_000, upload_throughput=100_000_000)
    chromium.delete_network_conditions()


def test_a_subject_that_arrives_slowly_is_set_up_and_drawn_once_it_is_whole(panel, accordion, pad, slow_network, tmp_path):
    noise, size = tmp_path / "noise.png", (576, 640)
    Image.frombytes("RGB", size, random.Random(5).randbytes(3 * size[0] * size[1])).save(noise)
    image = f"const image = document.querySelector('{pad.css('foreground')} img'); "
    accordion.open()
    slow_network()
    panel.upload(pad("foreground"), noise)
    panel.until(lambda: panel.driver.execute_script(image + "return image?.naturalWidth > 0 && !image.complete"), "a part of the image")
    accordion.until_message("Set for relighting: 576×640")
    panel.until(lambda: pad.script("return !!pad.images.image"), "the subject on the pad")
    assert pad.script("return pad.images.cut") is False
    read = "pad.fittedSubject().image.getContext('2d').getImageData(...arguments[0], 1, 1).data"
    size = pad.script("return [pad.view.canvas.width, pad.view.canvas.height]")
    assert pad.script(f"return {read}[3]", [size[0] // 2, size[1] - 2]) == 255
    assert panel.console_errors() == []


def test_generate_waits_for_the_settings(panel, accordion, subject):
    accordion.open(prompt="a vase", steps=2, width=64, height=64, seed=7)
    panel.upload(accordion("foreground"), subject)
    panel.generate()
    assert "CFG scale: 2, " in panel.infotext


def test_a_sent_image_brings_its_prompt_and_seed(panel, accordion):
    for name, value in {"steps": 1, "width": 128, "height": 64, "seed": 7, "prompt": "a vase"}.items():
        panel.fill(f"txt2img_{name}", value)
    panel.generate()
    panel.fill("txt2img_prompt", "something else")
    panel.click("#txt2img_send_to_relight_img2img")
    panel.until_tab("img2img")
    accordion.until_enabled()
    panel.until(lambda: controls(panel, "prompt", "seed") == ["a vase", "7"], "prompt and seed of the image")
    assert controls(panel, "width", "height", "cfg_scale", "denoising_strength") == ["128", "64", "2", "0.95"]
