"""Which job is queued, running or done, and how far it is."""

from __future__ import annotations

import base64
import io
import random
import string
import time

from modules import shared

current_task = None
pending_tasks = {}
finished_tasks = []
recorded_results = []

FINISHED_KEPT = 16
RESULTS_KEPT = 2


def create_task_id(task_type):
    return f"task({task_type}-{''.join(random.choices(string.ascii_uppercase + string.digits, k=7))})"


def add_task_to_queue(id_task):
    pending_tasks[id_task] = time.time()


def start_task(id_task):
    global current_task
    current_task = id_task
    pending_tasks.pop(id_task, None)


def finish_task(id_task):
    global current_task
    if current_task == id_task:
        current_task = None
    finished_tasks.append(id_task)
    del finished_tasks[:-FINISHED_KEPT]


def record_results(id_task, result):
    recorded_results.append((id_task, result))
    del recorded_results[:-RESULTS_KEPT]


def done_fraction(state):
    """0..1 over all pictures of the running job; 0 when its length is not known yet."""
    if state.job_count <= 0:
        return 0.0
    done = state.job_no / state.job_count
    if state.sampling_steps > 0:
        done += state.sampling_step / state.sampling_steps / state.job_count
    return min(done, 1.0)


def seconds_left(state, fraction):
    """Estimate from the time spent so far, or None before anything was done."""
    if fraction <= 0 or not state.time_start:
        return None
    return (time.time() - state.time_start) * (1 - fraction) / fraction


def preview_data_uri(state, seen):
    """(data URI or None, id) of the live preview, None when the page has it already."""
    if not shared.opts.live_previews_enable:
        return None, seen
    state.set_current_image()
    if state.current_image is None or state.id_live_preview == seen:
        return None, seen
    buffer = io.BytesIO()
    state.current_image.save(buffer, format="PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}", state.id_live_preview


def setup_progress_api(app):
    """POST /internal/progress for the page and GET /internal/pending-tasks."""
    from pydantic import BaseModel

    class ProgressRequest(BaseModel):
        id_task: str | None = None
        id_live_preview: int = -1
        live_preview: bool = True

    def progressapi(req: ProgressRequest):
        return task_progress(req.id_task, req.id_live_preview, req.live_preview)

    progressapi.__annotations__["req"] = ProgressRequest
    app.add_api_route("/internal/progress", progressapi, methods=["POST"])
    app.add_api_route("/internal/pending-tasks", pending, methods=["GET"])


def pending():
    return {"size": len(pending_tasks), "tasks": list(pending_tasks)}


def task_progress(id_task, id_live_preview=-1, live_preview=True):
    """The page's progress answer; `progress` is 0..1 and `eta` in seconds, both None unless the job is running."""
    active = id_task is not None and id_task == current_task
    answer = {"active": active, "queued": id_task in pending_tasks, "completed": id_task in finished_tasks,
              "progress": None, "eta": None, "live_preview": None, "id_live_preview": id_live_preview,
              "textinfo": "Waiting..."}
    if not active:
        if answer["queued"]:
            place = sorted(pending_tasks, key=pending_tasks.get).index(id_task) + 1
            answer["textinfo"] = f"In queue: {place}/{len(pending_tasks)}"
        return answer
    state = shared.state
    answer["progress"] = done_fraction(state)
    answer["eta"] = seconds_left(state, answer["progress"])
    answer["textinfo"] = state.textinfo
    if live_preview:
        answer["live_preview"], answer["id_live_preview"] = preview_data_uri(state, id_live_preview)
    return answer
