"""Previews: two at a time, cancelled while they run or wait, replaced by a newer one of the same page."""

import threading
import time

import pytest
from sd_relight.lib_relight.base.progress import Stopped
from sd_relight.lib_relight.web import running_previews


class Preview(threading.Thread):
    """A preview that runs until it is released or cancelled. outcome: done, or the class of the exception."""

    def __init__(self, name, stop=None, number=0):
        super().__init__(daemon=True)
        self.preview, self.stop, self.number = name, stop, number
        self.begun, self.released, self.outcome = threading.Event(), threading.Event(), None
        self.start()

    def run(self):
        try:
            with running_previews.turn(self.preview, self.stop, self.number) as progress:
                self.begun.set()
                while not self.released.wait(0.01):
                    progress.check()
            self.outcome = "done"
        except Stopped as error:
            self.outcome = type(error).__name__

    def end(self):
        self.released.set()
        self.join(10)
        return self.outcome


@pytest.fixture(autouse=True)
def nothing_left():
    yield
    running_previews.cancel(None)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, Preview) and thread.join(10)]
    assert not running_previews.running


def test_two_run_and_further_ones_wait():
    first, second = Preview("a"), Preview("b")
    assert first.begun.wait(10) and second.begun.wait(10)
    third = Preview("c")
    assert not third.begun.wait(0.3)
    assert first.end() == "done" and third.begun.wait(10)
    assert second.end() == third.end() == "done"


def test_a_cancellation_may_arrive_before_its_preview():
    assert running_previews.cancel("early", 2) == 0
    cancelled, next_one = Preview("early", number=2), Preview("early", number=3)
    cancelled.join(10)
    assert cancelled.outcome == "Stopped" and next_one.begun.wait(10) and next_one.end() == "done"


def test_only_the_newest_pages_cancellations_are_kept():
    for number in range(2 * running_previews.KEPT_NAMES):
        running_previews.cancel(f"page {number}", 1)
    assert len(running_previews.cancelled) == running_previews.KEPT_NAMES


def test_a_newer_one_of_the_same_page_replaces_it():
    first = Preview("page")
    assert first.begun.wait(10)
    second = Preview("page")
    first.join(10)
    assert first.outcome == "Replaced" and second.begun.wait(10) and second.end() == "done"


def test_previews_without_an_id_do_not_replace_each_other():
    first, second = Preview(""), Preview("")
    assert first.begun.wait(10) and second.begun.wait(10)
    assert first.end() == second.end() == "done"


def test_a_waiting_one_is_cancelled_by_its_id_and_when_its_client_has_gone():
    running = Preview("a"), Preview("b")
    assert all(preview.begun.wait(10) for preview in running)
    gone = threading.Event()
    waiting, left = Preview("c"), Preview("d", gone)
    while len(running_previews.running) < 4:
        time.sleep(0.01)
    assert running_previews.cancel("c") == 1
    gone.set()
    assert waiting.end() == left.end() == "Stopped" and not waiting.begun.is_set()
    assert [preview.end() for preview in running] == ["done", "done"]
