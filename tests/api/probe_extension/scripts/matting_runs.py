"""Test extension: GET /probe/matting answers with the number of matting runs under way."""

from modules import script_callbacks
from sd_relight.lib_relight.matting.inference import StoppableRuns

run, under_way = StoppableRuns.run, []


def counted(self, names, feeds):
    under_way.append(self)
    try:
        return run(self, names, feeds)
    finally:
        under_way.remove(self)


StoppableRuns.run = counted
script_callbacks.on_app_started(lambda page, app: app.add_api_route("/probe/matting", lambda: len(under_way), methods=["GET"]))
