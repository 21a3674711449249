"""Copies the light of a photograph: finds its lights as entries of `lights`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...lib_iclight import foreground
from ...lib_iclight.light_fit import fit_lights
from ...lib_iclight.params import IcLightParams
from ...lib_iclight.surface import TOWARDS_VIEWER, decode_normals, surface_of
from ..base.caches import ContentCache, content_hash
from ..base.errors import RelightError
from ..base.progress import SILENT, Progress
from ..matting import matting
from ..request.images import DecodedImage

LONGEST = 256
"""Longer side in pixels at which a photograph is examined."""
found_lights = ContentCache(64, lambda lights: 1)
"""The lights of the last photographs."""


def copied_lights(photo: DecodedImage, normal_map: DecodedImage | None = None,
                  progress: Progress = SILENT) -> list[dict[str, Any]]:
    """Return the photograph's lights as entries of `lights`; see light_fit.fit_lights.

    The subject is cut out by its transparency, else by the best matting model.  normal_map: of the photograph; None takes the
    shape of the matte. Raises a user error if there is no subject, or no light on it.
    """
    scale = min(1.0, LONGEST / max(photo.size))
    size = max(16, round(photo.width * scale)), max(16, round(photo.height * scale))
    alpha = matting.choose("auto", photo, None, progress)
    progress("finding the light")
    matte = None if alpha is None else foreground.fit(alpha, *size, "stretch")
    normals = None
    if normal_map is not None:
        normals = decode_normals(foreground.fit(normal_map.flattened(TOWARDS_VIEWER).rgb, *size, "stretch"))
    surface = surface_of(matte, normals)
    if surface is None:
        raise RelightError("`light_from` has no subject whose shape would show its light; send an image with a subject.")
    rgb = photo.fitted(*size, "stretch").rgb
    found = found_lights.get(content_hash(rgb, surface.normals, surface.matte), lambda: fit_lights(rgb, surface))
    return [dict(light) for light in found]


def with_copied_light(params: IcLightParams, photo: DecodedImage | None, progress: Progress = SILENT) -> IcLightParams:
    """Return params with the photograph's lights before `lights`; as they are without a photograph."""
    if photo is None:
        return params
    return replace(params, lights=(*copied_lights(photo, progress=progress), *params.lights))
