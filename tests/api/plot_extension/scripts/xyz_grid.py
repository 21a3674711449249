"""A stand-in for the hosts' X/Y/Z plot: the same names, shapes and order of calls, without the grid and its labels.

Arguments: for X and Y the number in the list of axes and a text of values. Each cell is a shallow copy of the one p.
"""

from copy import copy

import gradio as gr
from modules import errors, script_callbacks, scripts
from modules.processing import Processed, process_images


def format_value_add_label(p, opt, x):
    return f"{opt.label}: {x}"


class AxisOption:
    def __init__(self, label, type, apply, format_value=format_value_add_label, confirm=None, cost=0.0, choices=None,
                 prepare=None):
        self.label, self.type, self.apply, self.format_value = label, type, apply, format_value
        self.confirm, self.cost, self.choices, self.prepare = confirm, cost, choices, prepare


axis_options = [AxisOption("Nothing", str, lambda p, x, xs: None)]


def labels_after_another_page():
    script_callbacks.before_ui_callback()
    return [option.label for option in axis_options]


script_callbacks.on_app_started(lambda demo, app: app.add_api_route("/plot/axes", labels_after_another_page))


def values_of(option, text, p):
    values = [option.type(part.strip()) for part in text.split(",")]
    if option.confirm:
        option.confirm(p, values)
    return values


class Script(scripts.Script):
    def title(self):
        return "X/Y/Z plot"

    def ui(self, is_img2img):
        return [gr.Number(0), gr.Textbox(""), gr.Number(0), gr.Textbox("")]

    def run(self, p, x_type, x_text, y_type, y_text):
        x_option, y_option = axis_options[int(x_type)], axis_options[int(y_type)]
        xs, ys = values_of(x_option, x_text, p), values_of(y_option, y_text, p)
        result = Processed(p, [], p.seed, "")
        for y in ys:
            for x in xs:
                cell = copy(p)
                x_option.apply(cell, x, xs)
                y_option.apply(cell, y, ys)
                try:
                    made = process_images(cell)
                    result.images.append(made.images[0])
                    result.infotexts.append(f"{x_option.format_value(p, x_option, x)}\n{made.infotexts[0]}")
                except Exception as error:
                    errors.display(error, "generating image for xyz plot")
        return result
