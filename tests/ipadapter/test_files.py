"""Tests that all containers load equal tensors, and that other models are rejected by name."""

import pickle

import pytest
import torch
from ipadapter import ip_files as made
from safetensors.torch import save_file
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_common.weight_file import open_weights
from sd_relight.lib_ipadapter.files.adapter_file import adapter_shapes, read_halves

PROJ = made.random_state(made.base_proj(24, 16))
IP = made.random_state(made.layer_shapes("sd15", 16, 8), seed=1)


def inspect_file(path):
    with open_weights(path) as file:
        return adapter_shapes(path, file)


def load_halves(path):
    with open_weights(path) as file:
        return read_halves(file)


def prefixed(prefix, state):
    return {f"{prefix}.{key}": value for key, value in state.items()}


def as_safetensors(path):
    save_file({**prefixed("image_proj", PROJ), **prefixed("ip_adapter", IP)}, path)


def as_flat_training(path):
    save_file({**prefixed("image_proj_model", PROJ), **prefixed("adapter_modules", IP), "unet.conv_in.weight": torch.ones(2)},
              path)


def inside_unet(state):
    """Keys of the attention processors in diffusers' UNet, where accelerate leaves shared tensors."""
    places = [f"{kind}_blocks.{level}.attentions.{i}" for kind, levels, count in (("down", range(3), 2), ("up", range(1, 4), 3))
              for level in levels for i in range(count)] + ["mid_block.attentions.0"]
    return {f"unet.{places[int(key.split('.')[0]) // 2]}.transformer_blocks.0.attn2.processor.{key.split('.', 1)[1]}": tensor
            for key, tensor in state.items()}


CONTAINERS = {
    "flat.safetensors": as_safetensors,
    "training.safetensors": as_flat_training,
    "nested.bin": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path),
    "nested.pth": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path),
    "old.ckpt": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path, _use_new_zipfile_serialization=False),
    "state.pt": lambda path: torch.save({"state_dict": {**prefixed("image_proj", PROJ), **prefixed("ip_adapter", IP)}}, path),
    "training.bin": lambda path: torch.save(
        {**prefixed("image_proj_model", PROJ), **prefixed("adapter_modules", IP), **prefixed("unet", IP)}, path),
    "named like a pickle.bin": as_safetensors,
    "named like safetensors.safetensors": lambda path: torch.save({"image_proj": PROJ, "ip_adapter": IP}, path),
    "accelerate [step 100].safetensors": lambda path: save_file(
        {**prefixed("image_proj_model", PROJ), **inside_unet(IP), "unet.conv_in.weight": torch.ones(2)}, path),
    "distributed.bin": lambda path: torch.save(
        {**prefixed("module.image_proj_model", PROJ), **prefixed("module.adapter_modules", IP)}, path),
    "compiled.bin": lambda path: torch.save(
        {**prefixed("image_proj_model._orig_mod", PROJ), **prefixed("_orig_mod.adapter_modules", IP)}, path),
    "module level.bin": lambda path: torch.save(
        {"module": {"image_proj": PROJ, "ip_adapter": IP}, "args": pytest.raises, "step": 5}, path),
    "modules.bin": lambda path: torch.save({"image_proj": PROJ, "adapter_modules": IP}, path),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_tensors(tmp_path, name):
    path = tmp_path / name
    CONTAINERS[name](path)
    info = inspect_file(path)
    assert info.image_proj == {key: tuple(value.shape) for key, value in PROJ.items()}
    image_proj, ip_adapter = load_halves(path)
    assert {key: value.tolist() for key, value in image_proj.items()} == {k: v.tolist() for k, v in PROJ.items()}
    assert {key: value.tolist() for key, value in ip_adapter.items()} == {k: v.tolist() for k, v in IP.items()}
    numbers = [int(key.split(".")[0]) for key in ip_adapter]
    assert numbers == sorted(numbers)


def message_of(path):
    with pytest.raises(UserError) as caught:
        inspect_file(path)
    return str(caught.value)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
@pytest.mark.parametrize("name", ["flat.safetensors", "nested.bin", "old.ckpt"])
def test_truncated(tmp_path, name, share):
    path = tmp_path / name
    CONTAINERS[name](path)
    whole = path.read_bytes()
    path.write_bytes(whole[:max(4, int(len(whole) * share))])
    assert f"`{name}` is truncated: it has {path.stat().st_size} bytes" in message_of(path) or f"`{name}` is damaged" in message_of(path)


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_code_in_a_pickle_is_not_run(tmp_path, capsys):
    path = tmp_path / "evil.bin"
    torch.save({"image_proj": Evil()}, path)
    assert message_of(path) == "`evil.bin` is no IP-Adapter: it has neither `image_proj` nor `ip_adapter` weights; pick another file."
    path.write_bytes(pickle.dumps(Evil()))
    assert "`evil.bin`" in message_of(path)
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
    assert message_of(made.write_header(tmp_path / "x.safetensors", shapes)) == f"`x.safetensors` is {sentence}"


def test_half_a_file(tmp_path):
    path = made.write_header(tmp_path / "x.safetensors", {"image_proj.proj.weight": (4, 4)})
    assert message_of(path) == ("`x.safetensors` has no `ip_adapter` part, only half of an IP-Adapter; download the complete file, or "
                             "convert the training output again.")


def test_a_pickle_of_something_else(tmp_path):
    torch.save([1, 2], tmp_path / "list.bin")
    assert message_of(tmp_path / "list.bin") == "`list.bin` holds a list, not a table of tensors; pick another file."


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool, torch.uint8])
@pytest.mark.parametrize("half", ["image_proj", "ip_adapter"])
def test_other_types_than_floats(tmp_path, half, dtype):
    state = {"image_proj": PROJ, "ip_adapter": IP}
    state[half] = {key: value.to(dtype) for key, value in state[half].items()}
    torch.save(state, tmp_path / "x.bin")
    assert message_of(tmp_path / "x.bin") == (f"`x.bin` stores `{next(iter(state[half]))}` as {str(dtype)[6:]}, which is not supported; use a file "
                                           "in float16, bfloat16, float32 or float8.")


@pytest.mark.parametrize("missing, other", [
    ("1.to_q_lora.up.weight", "1.to_q_lora.down.weight"), ("0.to_out_lora.down.weight", "0.to_out_lora.up.weight"),
    ("3.to_v_ip.weight", "3.to_k_ip.weight"), ("5.to_k_ip.weight", "5.to_v_ip.weight")])
def test_missing_counterparts(tmp_path, missing, other):
    shapes = made.flat(made.face_proj(768), made.layer_shapes("sd15", lora=True))
    del shapes[f"ip_adapter.{missing}"]
    assert message_of(made.write_header(tmp_path / "x.safetensors", shapes)) == (
        f"`x.safetensors` has `ip_adapter.{other}` but not `{missing}`; the file is damaged, download it again.")


def test_values_that_are_not_finite(tmp_path):
    state = {"image_proj": PROJ, "ip_adapter": {**IP, "7.to_k_ip.weight": IP["7.to_k_ip.weight"] / 0}}
    torch.save(state, tmp_path / "x.bin")
    assert inspect_file(tmp_path / "x.bin")
    with pytest.raises(UserError, match="`x.bin` has NaN or infinite values in `ip_adapter.7.to_k_ip.weight`; the file is damaged"):
        load_halves(tmp_path / "x.bin")


@pytest.mark.parametrize("number", ["\u00b2", "9" * 5000, "-1", ""])
def test_layer_numbers_that_are_none(tmp_path, number):
    torch.save({"image_proj": PROJ, "ip_adapter": {f"{number}.to_k_ip.weight": IP["1.to_k_ip.weight"]}}, tmp_path / "x.bin")
    assert len(message_of(tmp_path / "x.bin")) < 500
