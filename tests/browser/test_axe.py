"""axe-core finds no accessibility violation in the open accordion, besides those of the host's own markup."""

from pathlib import Path

import axe_core_python
import pytest

pytestmark = pytest.mark.same_everywhere

OF_THE_HOST = {"aria-allowed-role": 'role="listbox"', "nested-interactive": "label-wrap", "label": "input-accordion-checkbox"}
"""Rule -> what its elements have in them that gradio and the hosts write: a dropdown's role, the checkbox in an accordion's title."""
RUN = "axe.run(document.querySelector(arguments[0])).then(({violations}) => arguments[1](violations.map(" \
      "({id, nodes}) => [id, nodes.map(({html}) => html)])))"


def test_the_accordion_has_no_violation_of_ours(panel, pad, subject):
    pad.open()
    panel.upload(pad("foreground"), subject)
    pad.kind("spot")
    pad.press_action("add")
    pad.unfold_all()
    panel.driver.execute_script(Path(axe_core_python.__file__).with_name("axe.min.js").read_text("utf8"))
    ours = []
    for number in (1, 0):
        pad.select_tab(number)
        for rule, elements in panel.driver.execute_async_script(RUN, pad.css("enabled")):
            ours += [(rule, element[:200]) for element in elements if OF_THE_HOST.get(rule, "?") not in element]
    assert ours == []
