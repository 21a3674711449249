"""Decodes an image for tests as a request does."""

from sd_relight.lib_relight.request.images import DecodedImage, ImageDecoder


def decoded(image, name="image") -> DecodedImage:
    return ImageDecoder().decode(image, name)
