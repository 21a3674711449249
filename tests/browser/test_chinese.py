"""A page with the Chinese table: the server's messages are translated with the values in them."""

import json

import pytest

pytestmark = pytest.mark.same_everywhere


@pytest.fixture
def table(repo_root):
    return json.loads((repo_root / "localizations" / "zh_CN.json").read_text("utf8"))


def test_notices_messages_previews_and_errors_are_chinese(panel, pad, table):
    """Hosts put the table into the page before its scripts; here it comes before the panel is opened."""
    panel.driver.execute_script("window.localization = arguments[0]", table)
    pad.open()
    missing = table["`foreground` is missing: txt2img needs the subject's image; add one, or use img2img."]
    missing = missing.replace("`foreground`", "“主体”")
    panel.until(lambda: pad.texts("notices", "li > span") == [missing], "the notice")
    panel.click(pad.css("size_from_subject"))
    asked = table["There is no subject yet; add an image to the field Subject, then press the button again."]
    panel.until(lambda: panel.find(pad.css("note")).text == asked, "the note")
    panel.click(pad.css("preview_matte"))
    panel.until(lambda: panel.find(pad.css("preview_shown")).text == missing, "the preview's sentence")
    panel.generate()
    panel.until(lambda: missing in panel.log, "the refusal")
    panel.fill(pad("unit1_weight"), 0)
    pad.select_tab(1)
    panel.click(f"{pad.css('unit1_enabled')} input")
    panel.until(lambda: any("“图片”" in text for text in pad.texts("notices", "li > span")), "the unit's notice")
    assert pad.texts("notices", "li > span")[0] == "图片 1: 图片单元 'auto' 缺少 “图片”；请添加图片，或 \"subject\"。"


@pytest.mark.parametrize("english, chinese", [
    ("Preset 'evening, 2' saved.", "预设 'evening, 2' 已保存。"),
    ("`light_x` is 7; it must be a number from 0 to 1.", "`light_x` 为 7；必须是 0 到 1 之间的数。"),
    ("`a.bin` is an image encoder, not IC-Light weights; pick an IC-Light file (fc, fcon or fbc) in Relight > Model.",
     "`a.bin` 是图像编码器，不是 IC-Light 权重；请在 Relight > 模型 中选择 IC-Light 文件（fc、fcon 或 fbc）。"),
    ("No usable IC-Light fc model: `x.bin` is empty (0 bytes): its download did not finish; download it again.",
     "没有可用的 IC-Light fc 模型：`x.bin` 是空文件（0 字节），下载没有完成；请重新下载。"),
    ("quick_prompts.txt, line 3: `[x]` is no section; use [subject] or [light].",
     "quick_prompts.txt 第 3 行：`[x]` 不是分组；请使用 [subject] 或 [light]。"),
    ("Set for relighting: 512×640, CFG 2, 25 steps, denoising 0.95.",
     "已为重新打光设置：512×640, CFG 2, 25 步, 重绘幅度 0.95。"),
    ("A sentence that nobody has translated.", "A sentence that nobody has translated.")])
def test_values_and_sentences_inside_sentences(load_modules, table, english, chinese):
    driver = load_modules("texts")
    assert driver.execute_script("window.localization = arguments[0]; return relight.translated(arguments[1])", table, english) == chinese
