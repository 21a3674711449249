"""The history of the panel's actions: undo, redo, and what a new action drops."""

from sd_relight.lib_relight.ui.history import MAX_STEPS, History, Step


def step(number):
    return Step({"host_steps": number}, {"host_steps": number + 1})


def test_undo_and_redo_return_the_steps_in_their_order():
    history = History().push(step(1)).push(step(2))
    history, undone = history.move(is_redo=False)
    assert undone == step(2)
    history, undone = history.move(is_redo=False)
    assert undone == step(1)
    assert history.move(is_redo=False)[1] is None
    history, redone = history.move(is_redo=True)
    assert redone == step(1)
    history = history.push(step(5))
    assert history.steps == (step(1), step(5)) and history.move(is_redo=True)[1] is None


def test_a_step_without_changes_is_none_and_the_oldest_are_dropped():
    assert History().push(Step({}, {})) == History(number=1)
    history = History()
    for number in range(MAX_STEPS + 5):
        history = history.push(step(number))
    assert history.steps[0] == step(5) and len(history.steps) == history.at == MAX_STEPS
    assert (history.pushes, history.number) == (MAX_STEPS + 5, MAX_STEPS + 5)
