"""Uses the probe extension's own lib_iclight and tells it: GET /relight-contract/library/<before|after>."""

from pathlib import Path

from modules import script_callbacks

import lib_iclight

PLACE = "before" if Path(__file__).parent.parent.name.startswith("aa_") else "after"
answer = {"name": lib_iclight.__name__, "says": lib_iclight.NAME}
script_callbacks.on_app_started(lambda demo, app: app.add_api_route(f"/relight-contract/library/{PLACE}", lambda: answer))
