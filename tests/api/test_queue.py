"""The job queue: order, error of a failed job, progress and remaining time."""

import threading
import time
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def job_queue(tmp_path_factory):
    from sd_relight.embedded_host.install import install_modules

    folder = tmp_path_factory.mktemp("host")
    install_modules(folder, device="cpu", data_dir=folder)
    from sd_relight.embedded_host import job_queue

    return job_queue


def test_waiters_are_served_in_order(job_queue):
    lock, order = job_queue.FifoLock(), []

    def job(number):
        with lock:
            order.append(number)

    lock.acquire()
    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=job, args=(number,)))
        threads[-1].start()
        while len(lock._waiting) <= number:
            time.sleep(0.001)
    lock.release()
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3, 4]
    with lock:
        pass


def test_a_failed_job_is_shown_as_text(job_queue):
    def job(task):
        raise ValueError("no <image> given")

    gallery, info, text, log = job_queue.page_job(job, [None, "", ""])("task(x)")
    assert (gallery, info, text) == (None, "", "")
    assert log.startswith("<div class='error'>ValueError: no &lt;image&gt; given</div>")
    assert job_queue.page_job(lambda task: ["next"], [])("task(y)")[0].startswith("next")


def test_a_jobs_progress(job_queue):
    from modules import shared
    from sd_relight.embedded_host import progress

    seen = {}

    def job(task):
        shared.state.job_count, shared.state.job_no = 2, 1
        shared.state.sampling_steps, shared.state.sampling_step = 10, 5
        seen.update(progress.task_progress(task))
        return [""]

    job_queue.page_job(job, [])("task(z)")
    assert (seen["active"], seen["queued"], seen["progress"]) == (True, False, 0.75)
    after = progress.task_progress("task(z)")
    assert (after["active"], after["completed"], after["progress"]) == (False, True, None)
    assert progress.task_progress("task(never)")["completed"] is False


def test_a_waiting_jobs_place(job_queue):
    from sd_relight.embedded_host import progress

    progress.tasks.add("task(first)")
    progress.tasks.add("task(second)")
    assert progress.task_progress("task(second)")["textinfo"] == "In queue: 2/2"
    for name in ("task(first)", "task(second)"):
        progress.tasks.start(name)
        progress.tasks.finish(name)


@pytest.mark.parametrize("count, number, step, steps, fraction", [(0, 0, 0, 0, 0), (-1, 0, 0, 0, 0), (1, 0, 5, 20, 0.25),
                                                                (4, 2, 10, 20, 0.625), (1, 1, 20, 20, 1)])
def test_fraction(job_queue, count, number, step, steps, fraction):
    from sd_relight.embedded_host import progress

    state = SimpleNamespace(job_count=count, job_no=number, sampling_step=step, sampling_steps=steps)
    assert progress.done_fraction(state) == fraction


def test_time_left():
    from sd_relight.embedded_host import progress

    state = SimpleNamespace(time_start=time.time() - 10)
    assert progress.seconds_left(state, 0.25) == pytest.approx(30, abs=0.5)
    assert progress.seconds_left(state, 0) is None
