"""A page whose host has our Chinese table: what the server says, with its values, is Chinese as well."""

import json

import pytest
from browser.pages.light_pad import LightPad


@pytest.fixture
def table(repo_root):
    return json.loads((repo_root / "localizations" / "zh_CN.json").read_text("utf8"))


def test_notices_notes_previews_and_refusals_are_chinese(panel, table):
    """Hosts put the table into the page before its scripts; here it comes before the panel is opened."""
    panel.driver.execute_script("window.localization = arguments[0]", table)
    pad = LightPad(panel)
    pad.open()
    missing = table["`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."]
    panel.until(lambda: panel.find("#script_txt2img_relight_notices").text == missing, "the notice")
    panel.click("#script_txt2img_relight_size_from_subject")
    asked = table["There is no subject yet; add an image to the field Subject, then press the button again."]
    panel.until(lambda: panel.find("#script_txt2img_relight_note").text == asked, "the note")
    panel.click("#script_txt2img_relight_preview_matte")
    panel.until(lambda: panel.find("#script_txt2img_relight_preview_shown").text == missing, "the preview's sentence")
    panel.generate()
    panel.until(lambda: missing in panel.log, "the refusal")
    panel.fill("script_txt2img_relight_unit1_weight", 0)
    panel.driver.execute_script("document.querySelector('#script_txt2img_relight_unit1_enabled input').click()")
    panel.until(lambda: "`image`" in panel.find("#script_txt2img_relight_notices").text, "the unit's notice")
    assert panel.find("#script_txt2img_relight_notices").text == "图片单元 'ip-adapter' 缺少 `image`；请添加图片，或 \"subject\"。"


@pytest.mark.parametrize("english, chinese", [
    ("Preset 'evening, 2' saved.", "预设 'evening, 2' 已保存。"),
    ("`light_x` is 7; it must be a number from 0 to 1.", "`light_x` 为 7；必须是 0 到 1 之间的数。"),
    ("a.bin is an image encoder, not IC-Light weights; pick an IC-Light file (fc, fcon or fbc) in Relight > Model.",
     "a.bin 是图像编码器，不是 IC-Light 权重；请在 Relight > 模型 中选择 IC-Light 文件（fc、fcon 或 fbc）。"),
    ("No usable IC-Light fc model: x.bin is empty (0 bytes), so its download did not finish; download it again.",
     "没有可用的 IC-Light fc 模型：x.bin 是空文件（0 字节），下载没有完成；请重新下载。"),
    ("quick_prompts.txt, line 3: `[x]` is no section; use [subject] or [light].",
     "quick_prompts.txt 第 3 行：`[x]` 不是分组；请使用 [subject] 或 [light]。"),
    ("A sentence that nobody has translated.", "A sentence that nobody has translated.")])
def test_values_and_sentences_inside_sentences(panel, table, english, chinese):
    panel.until(lambda: panel.driver.execute_script("return !!window.relight.translated"), "the scripts")
    assert panel.driver.execute_script("window.localization = arguments[0]; return relight.translated(arguments[1])",
                                       table, english) == chinese
