"""Picture upscalers that need no model: None, Lanczos, Nearest."""

from PIL import Image


class Upscaler:
    model_name = None
    model_path = None

    def __init__(self, name, resample):
        self.name, self.resample = name, resample

    def upscale(self, img, scale, selected_model=None):
        """The picture at scale times its size, rounded down to multiples of 8."""
        if self.resample is None:
            return img
        width, height = (int(side * scale) // 8 * 8 for side in img.size)
        return img.resize((width, height), resample=self.resample)


class UpscalerData:
    def __init__(self, name, scaler, scale=4):
        self.name, self.scaler, self.scale = name, scaler, scale
        self.data_path = self.local_data_path = self.model = None


def builtin():
    kinds = {"None": None, "Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
    return [UpscalerData(name, Upscaler(name, resample)) for name, resample in kinds.items()]
