"""All containers load to the same tensors; everything that is no adapter is told what it is."""

import pickle

import pytest
import torch
from ipadapter import ip_files as made
from safetensors.torch import save_file
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.files.adapter_file import inspect_file, load_file

PROJ = made.random_state(made.base_proj(24, 16))
IP = made.random_state(made.layer_shapes("sd15", 16, 8), seed=1)


def prefixed(prefix, state):
    return {f"{prefix}.{key}": value for key, value in state.items()}


def as_safetensors(path):
    save_file({**prefixed("image_proj", PROJ), **prefixed("ip_adapter", IP)}, path)


def as_flat_training(path):
    save_file({**prefixed("image_proj_model", PROJ), **prefixed("adapter_modules", IP), "unet.conv_in.weight": torch.ones(2)},
              path)


CONTAINERS = {
    "flat.safetensors": as_safetensors,
    "training.safetensors": as_flat_training,
    "nested.bin": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path),
    "nested.pth": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path),
    "old.ckpt": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path, _use_new_zipfile_serialization=False),
    "state.pt": lambda path: torch.save({"state_dict": {**prefixed("image_proj", PROJ), **prefixed("ip_adapter", IP)}}, path),
    "training.bin": lambda path: torch.save(
        {**prefixed("image_proj_model", PROJ), **prefixed("adapter_modules", IP), **prefixed("unet", IP)}, path),
    "modules.bin": lambda path: torch.save({"image_proj": PROJ, "adapter_modules": IP}, path),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_tensors(tmp_path, name):
    path = tmp_path / name
    CONTAINERS[name](path)
    info = inspect_file(path)
    assert info.image_proj == {key: tuple(value.shape) for key, value in PROJ.items()}
    image_proj, ip_adapter = load_file(path)
    assert {key: value.tolist() for key, value in image_proj.items()} == {k: v.tolist() for k, v in PROJ.items()}
    assert {key: value.tolist() for key, value in ip_adapter.items()} == {k: v.tolist() for k, v in IP.items()}
    numbers = [int(key.split(".")[0]) for key in ip_adapter]
    assert numbers == sorted(numbers)


def refusal(path):
    with pytest.raises(IpAdapterError) as caught:
        inspect_file(path)
    return str(caught.value)


def test_what_is_no_file(tmp_path):
    assert refusal(tmp_path / "gone.bin") == (
        f"`gone.bin` cannot be read (No such file or directory); check that it is still in {tmp_path}.")
    (tmp_path / "empty.bin").write_bytes(b"")
    assert refusal(tmp_path / "empty.bin") == "`empty.bin` is empty; download it again."


def test_web_page(tmp_path):
    path = tmp_path / "page.bin"
    path.write_bytes(b"\n<!DOCTYPE html><html>Sign in</html>")
    assert refusal(path) == "`page.bin` is a web page, not a model; download the file itself, not the page about it."


def test_lfs_pointer(tmp_path):
    path = tmp_path / "pointer.safetensors"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 44642768\n")
    assert refusal(path) == (f"`pointer.safetensors` is a Git LFS pointer of {path.stat().st_size} bytes, not the model; run "
                             "`git lfs pull` in its folder, or download the file itself.")


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
@pytest.mark.parametrize("name", ["flat.safetensors", "nested.bin", "old.ckpt"])
def test_truncated(tmp_path, name, share):
    path = tmp_path / name
    CONTAINERS[name](path)
    whole = path.read_bytes()
    path.write_bytes(whole[:max(4, int(len(whole) * share))])
    size = path.stat().st_size
    assert refusal(path) == f"`{name}` is incomplete or damaged ({size} bytes); download it again."


def test_header_too_large(tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"\xff" * 64)
    assert refusal(path) == "`a.safetensors` is incomplete or damaged (64 bytes); download it again."


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_code_in_a_pickle_is_not_run(tmp_path, capsys):
    path = tmp_path / "evil.bin"
    torch.save({"image_proj": Evil()}, path)
    assert refusal(path) == ("`evil.bin` holds more than tensors and is not loaded, because that could run foreign code; use the "
                             ".safetensors version of this adapter.")
    path.write_bytes(pickle.dumps(Evil()))
    assert "`evil.bin`" in refusal(path)
    assert "code ran" not in capsys.readouterr().out


OTHERS = {
    "lora": ({"lora_unet_down_blocks_0.lora_down.weight": (4, 4)},
             "a LoRA, not an adapter. It is the companion of a FaceID adapter: pick the adapter file itself; the LoRA inside it "
             "is applied by `faceid_lora`."),
    "peft lora": ({"unet.down_blocks.0.attn1.to_q.lora.down.weight": (4, 4)},
                  "a LoRA, not an adapter. It is the companion of a FaceID adapter: pick the adapter file itself; the LoRA "
                  "inside it is applied by `faceid_lora`."),
    "encoder": ({"vision_model.embeddings.class_embedding": (8,)},
                "an image encoder, not an adapter; it is found by itself, pick an adapter here."),
    "openclip": ({"visual.class_embedding": (8,)},
                 "an image encoder, not an adapter; it is found by itself, pick an adapter here."),
    "checkpoint": ({"model.diffusion_model.out.2.weight": (4, 4)}, "a checkpoint, not an adapter; pick an IP-Adapter file."),
    "controlnet": ({"control_model.zero_convs.0.0.weight": (4, 4)},
                   "a ControlNet, not an IP-Adapter; pick an IP-Adapter file."),
    "other": ({"emb_params": (2, 768)},
              "no IP-Adapter: it has neither `image_proj` nor `ip_adapter` weights (its first key is `emb_params`); pick another "
              "file."),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_models_are_named(tmp_path, case):
    shapes, sentence = OTHERS[case]
    assert refusal(made.write_header(tmp_path / "x.safetensors", shapes)) == f"`x.safetensors` is {sentence}"


def test_half_a_file(tmp_path):
    path = made.write_header(tmp_path / "x.safetensors", {"image_proj.proj.weight": (4, 4)})
    assert refusal(path) == ("`x.safetensors` has no `ip_adapter` part, only half of an IP-Adapter; download the complete file, or "
                             "convert the training output again.")


def test_a_pickle_of_something_else(tmp_path):
    torch.save([1, 2], tmp_path / "list.bin")
    assert refusal(tmp_path / "list.bin") == "`list.bin` holds a list, not a table of tensors; pick an IP-Adapter file."
