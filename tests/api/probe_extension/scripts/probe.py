"""Writes down what its hooks are given, and fails where it is asked to."""

import json
import time

import gradio as gr
import numpy as np
from fastapi.exceptions import HTTPException
from modules import scripts
from modules.processing import process_images
from modules.ui_components import InputAccordion


class ProbeError(Exception):
    def __init__(self, sentence):
        super().__init__(sentence)
        self.status_code = 422
        self.detail = sentence


FAILURES = {
    "sentence": lambda: ProbeError("The foreground is missing: give one."),
    "http": lambda: HTTPException(status_code=418, detail="short and stout"),
    "bug": lambda: ZeroDivisionError("division by zero"),
}


class Probe(scripts.Script):
    """Always on. A dict as the first argument: {"fail": …, "hook": …, "numpy": …}; else the panel's four values."""

    def title(self):
        return "Probe"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(False, label="Probe", elem_id=self.elem_id("enabled")) as enabled:
            text = gr.Textbox("abc", label="Text", elem_id=self.elem_id("text"))
            amount = gr.Slider(0, 1, 0.5, step=0.1, label="Amount", elem_id=self.elem_id("amount"))
            choice = gr.Radio(["left", "right"], value="left", label="Side", elem_id=self.elem_id("side"))
        self.infotext_fields = [(enabled, lambda params: params.get("Probe enabled") == "True"), (text, "Probe text"),
                                (amount, "Probe amount"), (choice, "Probe side")]
        self.paste_field_names = [field for _, field in self.infotext_fields if isinstance(field, str)]
        return [enabled, text, amount, choice]

    def before_process(self, p, *args):
        p.probe_began = time.monotonic()

    def process(self, p, *args):
        p.extra_generation_params["Probe args"] = json.dumps(args)
        first = args[0]
        if first is True:
            names = ("Probe enabled", "Probe text", "Probe amount", "Probe side")
            p.extra_generation_params.update(zip(names, args, strict=True))
        if isinstance(first, dict) and first.get("hook"):
            raise FAILURES[first["hook"]]()
        if isinstance(first, dict) and first.get("fail"):
            p.sample = self.failing(first["fail"])
        if isinstance(first, dict) and first.get("comment"):
            p.comment(first["comment"])

    @staticmethod
    def failing(kind):
        def sample(*args, **kwargs):
            raise FAILURES[kind]()

        return sample

    def postprocess(self, p, processed, *args):
        if isinstance(args[0], dict) and args[0].get("numpy"):
            processed.images.append(np.zeros((8, 8, 3), np.uint8))
        processed.extra_generation_params["Ran"] = [p.probe_began, time.monotonic()]


class Twice(scripts.Script):
    """Chosen in the dropdown: makes the job with another prompt."""

    def title(self):
        return "Say it twice"

    def ui(self, is_img2img):
        return [gr.Textbox("and", label="Joined by")]

    def run(self, p, joint):
        p.prompt = f"{p.prompt} {joint} {p.prompt}"
        return process_images(p)
