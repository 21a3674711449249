"""Options an extension may read or add; attribute access falls back to the default."""

import json


class OptionInfo:
    def __init__(self, default=None, label="", component=None, component_args=None, onchange=None, section=None,
                 refresh=None, comment_before="", comment_after="", infotext=None, restrict_api=False, category_id=None):
        self.default, self.label, self.component, self.component_args = default, label, component, component_args
        self.onchange, self.section, self.refresh = onchange, section, refresh
        self.comment_before, self.comment_after = comment_before, comment_after
        self.infotext, self.restrict_api, self.category_id = infotext, restrict_api, category_id
        self.do_not_save = False

    def info(self, text):
        self.comment_after += f"<span class='info'>({text})</span>"
        return self

    link = html = js = lambda self, *args, **kwargs: self

    def needs_restart(self):
        return self

    def needs_reload_ui(self):
        return self


def options_section(section, options):
    """Give every option of a dict the section (id, title[, category])."""
    for option in options.values():
        option.section, option.category_id = section[:2], section[2] if len(section) > 2 else None
    return options


class Options:
    """`opts`: values in .data, descriptions in .data_labels."""

    def __init__(self, data_labels):
        self.__dict__["data_labels"] = data_labels
        self.__dict__["data"] = {key: info.default for key, info in data_labels.items()}

    def __setattr__(self, key, value):
        self.data[key] = value

    def __getattr__(self, key):
        if key in self.__dict__["data"]:
            return self.data[key]
        if key in self.data_labels:
            return self.data_labels[key].default
        raise AttributeError(f"'Options' object has no attribute '{key}'")

    def set(self, key, value, is_api=False, run_callbacks=True):
        """Set an option; returns True when its value changed."""
        if self.data.get(key) == value:
            return False
        self.data[key] = value
        info = self.data_labels.get(key)
        if run_callbacks and info is not None and info.onchange is not None:
            info.onchange()
        return True

    def get_default(self, key):
        info = self.data_labels.get(key)
        return info.default if info else None

    def add_option(self, key, info):
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)

    def onchange(self, key, func, call=True):
        if key in self.data_labels:
            self.data_labels[key].onchange = func
            if call:
                func()

    def save(self, filename):
        with open(filename, "w", encoding="utf8") as file:
            json.dump(self.data, file, indent=4)

    def dumpjson(self):
        return json.dumps({key: self.data.get(key, info.default) for key, info in self.data_labels.items()})
