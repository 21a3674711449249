"""The queue: first come, first served; a failed job says why and lets the next one in."""

import threading
import time
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="module")
def call_queue(tmp_path_factory):
    from sd_relight.embedded_host.boot import boot

    folder = tmp_path_factory.mktemp("host")
    boot(folder, device="cpu", data_dir=folder)
    from modules import call_queue

    return call_queue


def test_waiters_are_served_in_order(call_queue):
    lock, order = call_queue.FifoLock(), []

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


def test_a_failed_job_is_shown_as_text(call_queue):
    def job(id_task):
        raise ValueError("no <picture> given")

    gallery, info, text, log = call_queue.wrap_gradio_gpu_call(job, extra_outputs=[None, "", ""])("task(x)")
    assert (gallery, info, text) == (None, "", "")
    assert log.startswith("<div class='error'>ValueError: no &lt;picture&gt; given</div>")
    assert call_queue.wrap_gradio_gpu_call(lambda id_task: ["next"])("task(y)")[0].startswith("next")


def test_a_jobs_progress(call_queue):
    from modules import progress, shared

    seen = {}

    def job(id_task):
        shared.state.job_count, shared.state.job_no = 2, 1
        shared.state.sampling_steps, shared.state.sampling_step = 10, 5
        seen.update(progress.task_progress(id_task))
        return [""]

    call_queue.wrap_gradio_gpu_call(job)("task(z)")
    assert (seen["active"], seen["queued"], seen["progress"]) == (True, False, 0.75)
    after = progress.task_progress("task(z)")
    assert (after["active"], after["completed"], after["progress"]) == (False, True, None)
    assert progress.task_progress("task(never)")["completed"] is False


def test_a_waiting_jobs_place(call_queue):
    from modules import progress

    progress.add_task_to_queue("task(first)")
    time.sleep(0.01)
    progress.add_task_to_queue("task(second)")
    assert progress.task_progress("task(second)")["textinfo"] == "In queue: 2/2"
    for name in ("task(first)", "task(second)"):
        progress.start_task(name)
        progress.finish_task(name)


@pytest.mark.parametrize("count, number, step, steps, fraction", [(0, 0, 0, 0, 0), (-1, 0, 0, 0, 0), (1, 0, 5, 20, 0.25),
                                                                (4, 2, 10, 20, 0.625), (1, 1, 20, 20, 1)])
def test_fraction(call_queue, count, number, step, steps, fraction):
    from modules import progress

    state = SimpleNamespace(job_count=count, job_no=number, sampling_step=step, sampling_steps=steps)
    assert progress.done_fraction(state) == fraction


def test_time_left():
    from modules import progress

    state = SimpleNamespace(time_start=time.time() - 10)
    assert progress.seconds_left(state, 0.25) == pytest.approx(30, abs=0.5)
    assert progress.seconds_left(state, 0) is None
