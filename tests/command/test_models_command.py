"""`dev.py models`: the list, get and check as a user types them."""

import json

import pytest
from sd_relight.embedded_host.cli import cli, models_command
from sd_relight.lib_relight.base.known_files import known_files


@pytest.fixture
def run(repo_root, capsys):
    """run("models", ...) -> (exit code, output, errors)."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("dev", repo_root / "dev.py")
    dev = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(dev)

    def call(*words):
        code = cli.main(dev.parser().parse_args(["models", *map(str, words)]))
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def test_the_list_says_where_each_file_is(run, tmp_path):
    (tmp_path / "ip-adapter_sd15.safetensors").write_bytes(b"")
    code, out, _ = run("--json", "--dir", tmp_path)
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0 and set(rows) == set(known_files())
    assert rows["ip-adapter_sd15"]["found"] == str(tmp_path / "ip-adapter_sd15.safetensors")
    assert rows["iclight_sd15_fc"]["found"] is None and rows["iclight_sd15_fc"]["source"] == "https://huggingface.co/lllyasviel/ic-light"
    _, out, _ = run("--dir", tmp_path)
    assert "missing  (non-commercial" in out and len(out.splitlines()) == len(rows)


def test_check_names_broken_files_and_returns_1(run, tmp_path, repo_root):
    code, out, _ = run("check", repo_root / "models/demo/iclight_fc.safetensors")
    assert code == 0 and out.endswith("iclight_fc.safetensors: IC-Light fc (for SD 1.5, hash not known)\n")
    (tmp_path / "page.safetensors").write_bytes(b"<!doctype html>")
    code, out, _ = run("check", tmp_path)
    assert code == 1 and "page.safetensors: damaged or unreadable (BROKEN, " in out
    code, out, _ = run("check", tmp_path, "--json")
    assert code == 1 and json.loads(out)[0]["whole"] is False


def test_get_downloads_into_the_folder(run, tmp_path, monkeypatch):
    asked = []

    def download(file, folder, report):
        asked.append((file.name, folder))
        path = tmp_path / file.file
        path.write_bytes(b"abc")
        return path

    monkeypatch.setattr(models_command, "download", download)
    code, out, _ = run("get", "IP-Adapter_sd15.safetensors", "--to", tmp_path)
    assert code == 0 and asked == [("ip-adapter_sd15", tmp_path)] and "it also needs: CLIP-ViT-H-14" in out
    code, out, _ = run("get", "det_10g", "--accept-licence", "--json")
    assert json.loads(out)["size"] == 3 and asked[1] == ("det_10g", models_command.MODELS / "insightface")


@pytest.mark.parametrize("words, sentence", [
    (["get", "ip-adapter_sd16"], "There is no known model file 'ip-adapter_sd16'; did you mean ip-adapter_sd15"),
    (["get", "det_10g"], "det_10g.onnx is non-commercial (insightface's models); read https://huggingface.co/deepghs/insightface and add "
                         "--accept-licence."),
])
def test_mistakes_are_one_sentence(run, words, sentence):
    code, _, err = run(*words)
    assert code == 2 and sentence in err
