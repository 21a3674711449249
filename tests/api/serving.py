"""The embedded host as a process of its own, as a user starts it."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from children import end_with_parent
from matting import tiny_onnx

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
EXTENSIONS = [HERE / "plot_extension", ROOT, HERE / "probe_extension"]
MATTING_MODELS = {"quick": tiny_onnx.mean_of_channels(320), "seconds": tiny_onnx.slow(320, 250),
                  "minutes": tiny_onnx.slow(320, 5000)}
"""By name: how long each takes for one image."""
START_SECONDS = 240


def demo_models():
    """The demo models: models/demo, or the folder that RELIGHT_DEMO_MODELS names. Skips the test without them."""
    folder = Path(os.environ.get("RELIGHT_DEMO_MODELS", ROOT / "models" / "demo"))
    if not (folder / "model_index.json").exists():
        pytest.skip(f"no demo models in {folder}; RELIGHT_DEMO_MODELS can name another folder")
    return folder


class HostProcess:
    """`with HostProcess(data_dir, extensions) as host: requests.get(host.url)`; host.console() is what it printed.

    flags: of the WebUIs' command line, see parse_flags in serve_host.py. Its folder for temporary files is its own: gradio names an
    image there after its content and writes it anew each time, so that a host beside it could read half a file. The folder lies
    outside data_dir, which may be below a hidden folder, from which gradio 3 serves nothing (403).
    """

    def __init__(self, data_dir, extensions, flags=""):
        self.log = Path(data_dir) / "console.txt"
        self.temporary = tempfile.TemporaryDirectory(prefix="relight-host-", ignore_cleanup_errors=True)
        self.environment = {**os.environ, "RELIGHT_HOST_FLAGS": flags, "TMPDIR": self.temporary.name}
        command = [sys.executable, str(HERE / "serve_host.py"), str(ROOT), str(demo_models()), str(data_dir)]
        self.command = [*command, *map(str, extensions)]

    def __enter__(self):
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=end_with_parent,
                                            env=self.environment)
        deadline = time.monotonic() + START_SECONDS
        while not (address := self._address()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                pytest.fail(f"the embedded host did not start:\n{self.console()}", pytrace=False)
            time.sleep(0.1)
        self.url = address
        return self

    def _address(self):
        lines = [line for line in self.console().splitlines() if line.startswith("serving ")]
        return lines[0].split()[1] if lines else None

    def resident_megabytes(self):
        """Resident memory of the process, from /proc."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("utf8")
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def console(self):
        return self.log.read_text("utf8", errors="replace")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.temporary.cleanup()


def embedded_host(data_dir, matting_models=MATTING_MODELS):
    """HostProcess with Relight, the tests' extensions and these matting models."""
    folder, scripts = Path(data_dir) / "matting", Path(data_dir) / "matting_folder" / "scripts"
    folder.mkdir()
    scripts.mkdir(parents=True)
    for name, content in matting_models.items():
        (folder / f"{name}.onnx").write_bytes(content)
    (scripts / "matting_folder.py").write_text(f"from modules import shared\nshared.cmd_opts.relight_matting_dir = {str(folder)!r}\n")
    return HostProcess(data_dir, [*EXTENSIONS, scripts.parent])
