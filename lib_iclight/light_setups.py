"""Named set-ups of a photographer's studio: values of `light` that are replaced by a list of lights."""

from __future__ import annotations

from typing import Any

Light = dict[str, Any]
"""Light fields as in an entry of `lights`."""


def _angle(degrees: float, elevation: float, **fields: Any) -> Light:
    return {"light": "angle", "light_angle": float(degrees), "light_elevation": float(elevation), **fields}


def _fill(intensity: float, **fields: Any) -> Light:
    return {"light": "ambient", "intensity": intensity, **fields}


SETUPS: dict[str, tuple[Light, ...]] = {
    "rembrandt": (_angle(140, 40), _fill(0.25)),
    "butterfly": (_angle(90, 50), _fill(0.3)),
    "loop": (_angle(120, 45), _fill(0.4)),
    "split": (_angle(180, 15, light_gamma=1.5),),
    "rim": (_angle(180, -35, intensity=0.8), _angle(0, -35, intensity=0.8)),
    "backlight": (_angle(90, -70), _fill(0.15)),
    "clamshell": (_angle(90, 45, intensity=0.8), _angle(270, 45, intensity=0.4)),
    "three-point": (_angle(145, 40), _angle(0, 30, intensity=0.35), _angle(60, -45, intensity=0.8)),
    "golden-hour": (_angle(165, 20, light_color="3000K"), _fill(0.5, light_color="#9db8ff")),
    "window": (_angle(180, 30, light_gamma=0.5, light_color="#eaf2ff"), _fill(0.2)),
    "neon-pair": (_angle(180, 15, light_color="#ff2bd6"), _angle(0, 15, light_color="#00d5ff")),
}
"""Name -> its lights, the key light first. Angles and elevations as of the light fields."""
