"""Registration of the Chinese table, and its order among language packs."""

import pytest
from sd_relight.lib_relight.ui import language


@pytest.mark.parametrize("name, has_it", [
    ("zh_CN", True), ("zh-Hans (Stable)", True), ("zh-Hans (Testing)", True), ("zh-CN", True), ("chinese-all-0313", True),
    ("Chinese (Simplified)", True), ("简体中文", True), ("zh_TW", False), ("zh-Hant (Stable)", False), ("Chinese-Traditional", False),
    ("ja_JP", False), ("None", False)])
def test_a_pack_of_simplified_chinese_gets_ours_first(name, has_it):
    tables = {name: ["/packs/theirs.json"]}
    language.add_table(tables)
    assert tables[name] == [*([str(language.TABLE)] if has_it else []), "/packs/theirs.json"]


def test_ours_is_listed_once_and_before_a_pack_of_the_same_name():
    tables = {"zh_CN": ["/packs/zh_CN.json", str(language.TABLE)]}
    language.add_table(tables)
    language.add_table(tables)
    assert tables == {"zh_CN": [str(language.TABLE), "/packs/zh_CN.json"]}
    assert language.TABLE.is_file()
