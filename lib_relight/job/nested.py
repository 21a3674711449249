"""Jobs inside a job of a set, such as a detailer's: each takes the light of the image that it works on, not the whole set."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

from ...lib_iclight.light_sets import expand_set
from ..hosts.types import Host, Processing
from ..request.request import RelightRequest
from .image_set import first_image

outer: tuple[Callable[[], Processing | None], float | None] = (lambda: None, None)
"""The job of the running set, weakly referenced, and when the host began it."""


def enter(host: Host, p: Processing) -> None:
    """A job with a set begins."""
    global outer
    outer = weakref.ref(p), host.began()


def leave(p: Processing) -> None:
    """The job ends."""
    global outer
    if outer[0]() is p:
        outer = (lambda: None, None)


def with_light_of_image(host: Host, p: Processing, request: RelightRequest) -> RelightRequest:
    """Return the request of a job in a set's job with that image's light alone, other requests as they are.

    A host begins one job at a time, so a job of the same beginning as the set's runs inside it.
    """
    around, began = outer[0](), outer[1]
    if around is None or around is p or began != host.began() or request.iclight is None:
        return request
    lights = expand_set(request.iclight)
    return replace(request, iclight=lights[(first_image(around) + around.batch_index) % len(lights)])
