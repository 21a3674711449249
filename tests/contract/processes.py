"""The hosts as processes of their own: the embedded one, and a checkout of any WebUI, started as its users start it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from children import end_with_parent
from contract.weight_files import DEMO_WIDTHS, SD15_WIDTHS, write_broken, write_lora

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROBE = HERE / "probe_extension"
PROBE_NAMES = ("aa_relight_contract", "zz_relight_contract")
"""Folder names of the two copies of the probe: hosts load extensions in this order, with Relight's between them."""

QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False", "DO_NOT_TRACK": "1",
         "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
CPU_FLAGS = ("--skip-prepare-environment", "--skip-install", "--skip-torch-cuda-test", "--skip-python-version-check",
             "--skip-version-check", "--skip-google-blockly", "--no-hashing", "--no-download-sd-model", "--always-cpu",
             "--cpu", "--all-in-fp32", "--force-fp32", "--fp32-vae", "--fp32-text-enc", "--attention-pytorch",
             "--use-pytorch-cross-attention", "--disable-triton-backend")
"""Given to a host if its sources know them."""
A1111_FLAGS = ("--use-cpu", "all", "--no-half", "--precision", "full")
"""The same there; it is the only host without `modules_forge`."""
FLAG_SOURCES = ("modules/cmd_args.py", "modules/shared_cmd_options.py", "backend/args.py", "ldm_patched/modules/args_parser.py",
                "modules_forge/initialization.py")
START_SECONDS = 600


class Process:
    """`with EmbeddedHost(folder) as host`: host.url answers; host.console(position) is what it printed since then."""

    name = ready = ""

    def __init__(self, folder: Path, flags: Sequence[str] = ()):
        self.folder, self.log, self.flags = folder, folder / "console.txt", list(flags)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def prepare(self) -> tuple[list[str], Path, dict]:
        """(command, working directory, environment)"""
        raise NotImplementedError

    def clean_up(self) -> None:
        pass

    def __enter__(self):
        try:
            command, cwd, environment = self.prepare()
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(command, cwd=cwd, env={**os.environ, **QUIET, **environment}, stdout=log,
                                                stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, start_new_session=True,
                                                preexec_fn=end_with_parent)
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self) -> None:
        """Reads the log only: a request before a host is ready keeps some of them from registering their API."""
        deadline = time.monotonic() + START_SECONDS
        while self.ready not in self.console():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{self.name} did not start:\n{self.console()[-3000:]}", pytrace=False)
            time.sleep(0.2)
        self.started()

    def started(self) -> None:
        time.sleep(1)

    def position(self) -> int:
        return self.log.stat().st_size

    def console(self, since: int = 0) -> str:
        return self.log.read_bytes()[since:].decode("utf8", errors="replace")

    def last_words(self) -> str | None:
        """None while it runs. Below 0 the status is the signal that ended it; 9 without anybody's doing is lack of memory."""
        try:
            status = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return None
        return f"{self.name} ended by itself with status {status}. Its last words:\n{self.console()[-2000:]}"

    def __exit__(self, *_):
        process = getattr(self, "process", None)
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.clean_up()


class EmbeddedHost(Process):
    name, ready = "embedded", "serving "
    has_controlnet, has_lora = False, True

    def __init__(self, folder: Path, flags: Sequence[str] = ()):
        super().__init__(folder, flags)
        self.commit = commit_of(ROOT)

    def prepare(self):
        models = self.folder / "models"
        models.mkdir()
        for entry in (ROOT / "models" / "demo").iterdir():
            (models / entry.name).symlink_to(entry)
        write_broken(models / "iclight")
        (models / "Lora").mkdir()
        write_lora(models / "Lora", DEMO_WIDTHS)
        before, after = (shutil.copytree(PROBE, self.folder / name) for name in PROBE_NAMES)
        serve = ROOT / "tests" / "api" / "serve_host.py"
        return ([sys.executable, serve, ROOT, models, self.folder, before, ROOT, after], self.folder,
                {"RELIGHT_HOST_FLAGS": shlex.join(self.flags)})

    def started(self):
        line = next(line for line in self.console().splitlines() if line.startswith(self.ready))
        self.url = line.split()[1]


class WebuiHost(Process):
    """A checkout with a virtual environment, an SD 1.5 checkpoint and IC-Light files; see tests/contract/README.md."""

    ready = "Startup time"

    def __init__(self, folder: Path, path: Path, extension: Path | None = None, environment: dict[str, str] | None = None):
        """extension: a further one, loaded after Relight. environment: further variables of the process."""
        super().__init__(folder, shlex.split(os.environ.get("RELIGHT_WEBUI_ARGS", "")))
        self.path, self.made, self.environment = path, [], environment or {}
        self.extensions = {name: PROBE for name in PROBE_NAMES} | ({f"{PROBE_NAMES[1]}_more": extension} if extension else {})
        self.name, self.commit = path.name, commit_of(path)
        self.has_controlnet = any((path / "extensions-builtin").glob("*controlnet*"))
        self.has_lora = (path / "models" / "Lora").is_dir()

    def prepare(self):
        python = os.environ.get("RELIGHT_WEBUI_PYTHON", self.path / "venv" / "bin" / "python")
        self.install()
        sources = "".join((self.path / name).read_text("utf8") for name in FLAG_SOURCES if (self.path / name).is_file())
        other_precision = any("fp16" in flag for flag in self.flags)
        flags = [flag for flag in CPU_FLAGS if (f'"{flag}"' in sources or f"'{flag}'" in sources)
                 and not (other_precision and "fp32" in flag)]
        flags += [] if (self.path / "modules_forge").is_dir() else A1111_FLAGS
        flags += ["--api", "--server-name", "127.0.0.1", "--port", str(self.port), "--relight-models-dir",
                  str(write_broken(self.folder / "broken")), *self.flags]
        return [python, "launch.py", *flags], self.path, {"OMP_NUM_THREADS": str(os.cpu_count() or 1), **self.environment}

    def install(self) -> None:
        """The extension, unless it is there, and the probes; what is made here is removed afterwards."""
        extensions = self.path / "extensions"
        extensions.mkdir(exist_ok=True)
        if not any(entry.resolve() == ROOT for entry in extensions.iterdir()):
            (extensions / "sd-webui-relight").symlink_to(ROOT)
            self.made.append(extensions / "sd-webui-relight")
        for name, source in self.extensions.items():
            self.made.append(extensions / name)
            shutil.copytree(source, extensions / name, dirs_exist_ok=True)
        if self.has_lora:
            self.made.append(write_lora(self.path / "models" / "Lora", SD15_WIDTHS))

    def clean_up(self):
        for path in self.made:
            if path.is_symlink() or path.is_file():
                path.unlink()
            else:
                shutil.rmtree(path, ignore_errors=True)


def commit_of(path: Path) -> str:
    """The checkout's commit, or RELIGHT_WEBUI_COMMIT for one that came without its history."""
    if (path / ".git").exists():
        answer = subprocess.run(["git", "-C", path, "rev-parse", "--short=8", "HEAD"], capture_output=True, text=True)
        if answer.returncode == 0:
            return answer.stdout.strip()
    return os.environ.get("RELIGHT_WEBUI_COMMIT", "unknown")
