"""Run as a script: the embedded host with its API and page on a free port. Prints the address, serves until killed.

usage: serve_host.py REPO MODELS DATA EXTENSION...; RELIGHT_HOST_FLAGS holds flags of the WebUIs, e.g. --listen
"""

import argparse
import os
import shlex
import sys
import threading
import types

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def parse_flags(words):
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--listen", action="store_true")
    for name in ("--subpath", "--api-auth", "--gradio-auth"):
        parser.add_argument(name)
    return vars(parser.parse_args(words))


def main(repo, models, data, *extensions):
    package = types.ModuleType("sd_relight")
    package.__path__ = [repo]
    sys.modules["sd_relight"] = package

    from sd_relight.embedded_host.host import EmbeddedHost
    from sd_relight.embedded_host.page.server import ServerThread

    flags = parse_flags(shlex.split(os.environ.get("RELIGHT_HOST_FLAGS", "")))
    EmbeddedHost(models, device="cpu", extensions=list(extensions), data_dir=data, flags=flags)
    server = ServerThread().start()
    print(f"serving {server.url}", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
