"""models/README.md lists the folders, models and flags that the code uses."""

import pytest
from sd_relight.lib_relight.hosts.model_places import MODEL_FOLDERS
from sd_relight.lib_relight.matting import builtin, model_table


@pytest.fixture
def readme(repo_root):
    return (repo_root / "models/README.md").read_text("utf-8")


def test_the_source_of_the_built_in_model_is_stated(readme):
    assert builtin.PUBLISHED.requirement in readme and builtin.PUBLISHED.sha256 == model_table.MODELS[builtin.NAME].sha256


@pytest.mark.parametrize("kind", MODEL_FOLDERS)
def test_the_hosts_folders_are_listed(readme, kind):
    for folder in MODEL_FOLDERS[kind]:
        assert f"`models/{folder}`" in readme


def test_the_words_in_file_names_are_listed(readme):
    for part, _ in model_table.FAMILIES:
        assert f"`{part}`" in readme


def test_the_flags_are_documented(readme):
    assert "--relight-models-dir" in readme and "--relight-matting-dir" in readme
