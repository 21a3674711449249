"""Upscalers that need no model: None, Lanczos, Nearest. Needed by: embedded_host/host.py (`shared.sd_upscalers`)."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

MULTIPLE = 8


@dataclass(frozen=True)
class Upscaler:
    resample: Image.Resampling | None

    def upscale(self, image: Image.Image, scale: float) -> Image.Image:
        """Return the image at scale times its size, rounded down to multiples of 8; without a filter as it is."""
        if self.resample is None:
            return image
        return image.resize([int(side * scale) // MULTIPLE * MULTIPLE for side in image.size], resample=self.resample)


@dataclass(frozen=True)
class UpscalerData:
    name: str
    scaler: Upscaler
    scale: int = 4


def builtin() -> list[UpscalerData]:
    filters = {"None": None, "Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
    return [UpscalerData(name, Upscaler(resample)) for name, resample in filters.items()]
