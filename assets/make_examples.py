"""Makes the thumbnails of assets/examples.json with the demo models. Run in the environment: python assets/make_examples.py

The demo models show where the light goes and little else, so the photograph's own detail and colours are put back.
"""

from __future__ import annotations

import json
import sys
import tempfile
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIDE, THUMBNAIL = 256, 192
REPAIRS = {"detail": 1.0, "detail_sigma": 6.0, "color_hold": 0.7}


def main() -> None:
    package = types.ModuleType("sd_relight")
    package.__path__ = [str(ROOT)]
    sys.modules["sd_relight"] = package
    from sd_relight.embedded_host.host import EmbeddedHost
    from sd_relight.lib_relight.ui.quick_prompt_lists import examples

    host = EmbeddedHost(ROOT / "models" / "demo", data_dir=tempfile.mkdtemp())
    for example in examples():
        pictures = {name: picture for name, picture in example.open().items() if picture is not None}
        fields = {name: json.loads(value) if name == "lights" else value for name, value in example.fields.items()}
        coloured = "lights" in fields or "light_color" in fields
        payload = {
            "init_images": [pictures.pop("foreground")], "prompt": example.host["host_prompt"], "steps": 12, "cfg_scale": 2.0,
            "denoising_strength": 0.95, "width": SIDE, "height": SIDE, "seed": 12345, "sampler_name": "Euler",
            "alwayson_scripts": {"Relight": {"args": [{"iclight": {
                **fields, **pictures, **REPAIRS, "color_hold": 0.0 if coloured else REPAIRS["color_hold"]}}]}}}
        picture = host.img2img(payload).images[0].resize((THUMBNAIL, THUMBNAIL))
        example.thumbnail.parent.mkdir(exist_ok=True)
        picture.convert("RGB").save(example.thumbnail, quality=88)


if __name__ == "__main__":
    main()
