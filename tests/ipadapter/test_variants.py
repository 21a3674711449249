"""Tests that every published file is detected by its shapes, without confusion of families, and every validation error."""

import pytest
from ipadapter import ip_files as made
from sd_relight.lib_common.errors import UserError
from sd_relight.lib_ipadapter.encode.adapter import inspect_adapter
from sd_relight.lib_ipadapter.errors import IpAdapterError
from sd_relight.lib_ipadapter.files.variants import check_unet


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters")
    for stem in made.PUBLISHED:
        made.write_published(folder, stem)
    return folder


@pytest.mark.parametrize("stem", made.PUBLISHED)
def test_published_shapes_are_detected(folder, stem):
    family, base, _, lora, tokens, encoder, output = made.PUBLISHED[stem]
    variant = inspect_adapter(folder / f"{stem}.safetensors")
    assert (variant.family.name, variant.base, variant.tokens, variant.lora) == (family, base, tokens, lora)
    assert variant.cross == made.CROSS[base]
    assert (variant.encoder.name if variant.encoder else None) == encoder
    assert variant.face == (output if output in ("normed", "raw") else "")
    if not variant.face:
        assert variant.encoder.output == output
    elif encoder:
        assert variant.encoder.output == "hidden"


@pytest.mark.parametrize("stem", made.PUBLISHED)
def test_a_renamed_file_keeps_everything_but_the_look_alikes(folder, stem):
    """Under a name that says nothing, only families with equal shapes fall together, each onto its plain member."""
    plain = {"light": "base", "plus-face": "plus", "composition": "plus"}
    family, base, proj, lora, *_ = made.PUBLISHED[stem]
    if family == "faceid-plusv2" and base == "sd15":
        plain["faceid-plusv2"] = "faceid-plus"
    path = folder / "renamed.safetensors"
    made.write_header(path, made.flat(proj, made.layer_shapes(base, lora=lora)))
    variant = inspect_adapter(path)
    assert variant.family.name == plain.get(family, family)
    assert inspect_adapter(path, family).family.name == family


def test_sizes_come_from_shapes(folder):
    sizes = inspect_adapter(folder / "ip-adapter-plus_sdxl_vit-h.safetensors").sizes
    assert sizes == {"input": 1280, "dim": 1280, "heads": 20, "depth": 4, "hidden": 5120, "output": 2048, "tokens": 16}
    sizes = inspect_adapter(folder / "ip-adapter-faceid-plus_sd15.safetensors").sizes
    assert sizes["resampler"] == {"input": 1280, "dim": 768, "heads": 12, "depth": 4, "hidden": 3072, "output": 768}
    assert (sizes["id_hidden"], sizes["output"], sizes["tokens"]) == (1024, 768, 4)


def test_suggested_crop(folder):
    crops = {stem: inspect_adapter(folder / f"{stem}.safetensors").family.crop for stem in made.PUBLISHED}
    assert crops["ip-adapter-plus-face_sd15"] == crops["ip-adapter-full-face_sd15"] == "face"
    assert crops["ip-adapter-plus_sd15"] == crops["ip_plus_composition_sdxl"] == crops["ip-adapter_sd15"] == "center"


def test_plusv2_has_the_shortcut_and_plus_has_not(folder):
    shortcut = {stem: inspect_adapter(folder / f"{stem}.safetensors").family.shortcut for stem in made.PUBLISHED}
    assert [stem for stem, value in shortcut.items() if value] == ["ip-adapter-faceid-plusv2_sd15",
                                                                  "ip-adapter-faceid-plusv2_sdxl"]


def message_of(path, family="auto"):
    with pytest.raises(UserError) as caught:
        inspect_adapter(path, family)
    return str(caught.value)


def test_override_must_fit_the_shapes(folder):
    assert message_of(folder / "ip-adapter-plus_sd15.safetensors", "faceid") == (
        "`family` is 'faceid', but `ip-adapter-plus_sd15.safetensors` can only be plus-face or composition or plus by its "
        "shapes; choose one of these or auto.")


FOREIGN = {
    "kolors": ("ip_adapter_plus_general.safetensors", made.resampler(1024, 2048, 2048, 12), "sdxl",
               "`ip_adapter_plus_general.safetensors` is for Kolors, which WebUI hosts do not run; pick an SD 1.5 or SDXL "
               "adapter."),
    "kolors face": ("ipa-faceid-plus.safetensors", made.face_plus_proj(4096, 1024, 6), "sdxl",
                    "`ipa-faceid-plus.safetensors` is for Kolors, which WebUI hosts do not run; pick an SD 1.5 or SDXL "
                    "adapter."),
    "pulid": ("ip-adapter_pulid_sdxl_fp16.safetensors",
              {"body.0.weight": (1024, 512), "mapping_0.0.weight": (1024, 1024), "mapping_patch_0.0.weight": (1024, 1024)},
              "sdxl",
              "`ip-adapter_pulid_sdxl_fp16.safetensors` is PuLID, which needs EVA-CLIP and antelopev2 and is not supported; for "
              "faces use an IP-Adapter FaceID file."),
    "instantid": ("ip-adapter_instant_id_sdxl.safetensors", made.resampler(512, 1280, 2048, 20), "sdxl",
                  "`ip-adapter_instant_id_sdxl.safetensors` is InstantID, which also needs its own ControlNet and antelopev2 "
                  "and is not supported; if it is FaceID Portrait (unnorm), set `family` to portrait-unnorm."),
    "instantid upstream name": ("ip-adapter.safetensors", made.resampler(512, 1280, 2048, 20), "sdxl",
                                "`ip-adapter.safetensors` is InstantID, which also needs its own ControlNet and antelopev2 and "
                                "is not supported; if it is FaceID Portrait (unnorm), set `family` to portrait-unnorm."),
    "unknown projection": ("odd.safetensors", {"conv.weight": (4, 4), "other.weight": (4,)}, "sd15",
                           "`odd.safetensors` has an image projection of no known family (keys conv.weight, other.weight, …); "
                           "pick another file, or report its name so that it can be added."),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_families_are_named(tmp_path, case):
    name, proj, base, sentence = FOREIGN[case]
    path = made.write_header(tmp_path / name, made.flat(proj, made.layer_shapes(base)))
    assert message_of(path) == sentence


def test_instantid_shapes_pass_when_the_user_says_so(tmp_path):
    path = made.write_header(tmp_path / "ip-adapter.safetensors",
                             made.flat(made.resampler(512, 1280, 2048, 20), made.layer_shapes("sdxl")))
    assert inspect_adapter(path, "portrait-unnorm").family.name == "portrait-unnorm"


def test_sd2_and_unknown_layers(tmp_path):
    path = made.write_header(tmp_path / "a.safetensors", made.flat(made.base_proj(1024, 1024), made.layer_shapes("sd15", 1024)))
    assert message_of(path) == ("`a.safetensors` is for SD 2 (width 1024), which has no published IP-Adapter and is not supported; "
                             "pick an SD 1.5 or SDXL adapter.")
    few = {"1.to_k_ip.weight": (320, 768), "1.to_v_ip.weight": (320, 768)}
    path = made.write_header(tmp_path / "b.safetensors", made.flat(made.base_proj(1024, 768), few))
    assert message_of(path) == ("`b.safetensors` has 1 layers, first width 320, text width 768; SD 1.5 has 16, 320, 768 and SDXL 70, "
                             "640, 2048. It is for another model, pick another file.")


def test_projection_and_layers_must_agree(tmp_path):
    path = made.write_header(tmp_path / "a.safetensors", made.flat(made.base_proj(1024, 2048), made.layer_shapes("sd15")))
    assert message_of(path) == ("`a.safetensors` projects to width 2048, but its layers take 768; the file is damaged, download it "
                             "again.")


def test_the_loaded_checkpoint_is_compared(folder):
    sdxl = inspect_adapter(folder / "ip-adapter_sdxl.safetensors")
    check_unet(sdxl, 70, 2048)
    with pytest.raises(IpAdapterError) as caught:
        check_unet(sdxl, 16, 768)
    assert str(caught.value) == ("`ip-adapter_sdxl.safetensors` is for SDXL (70 layers, text width 2048), but the checkpoint is "
                                 "SD 1.5 (16 layers, text width 768); pick an adapter for it, or load another checkpoint.")
    with pytest.raises(IpAdapterError, match="the checkpoint is SD 2 \\(16 layers, text width 1024\\)"):
        check_unet(inspect_adapter(folder / "ip-adapter_sd15.safetensors"), 16, 1024)


def test_miniature_topologies_pass_as_their_base(tmp_path):
    path = made.write_header(tmp_path / "mini.safetensors",
                             made.flat(made.base_proj(64, 64), made.layer_shapes("sd15", 64, 32)))
    variant = inspect_adapter(path)
    assert (variant.base, variant.cross, variant.encoder.width, variant.encoder.name) == ("sd15", 64, 64, "")


@pytest.mark.parametrize(("key", "shape", "sentence"), [
    ("image_proj.proj.weight", (4 * 768,), "`x.safetensors` has an image projection of no known family (keys norm.bias, norm.weight, "
                                           "proj.bias, …); pick another file, or report its name so that it can be added."),
    ("image_proj.proj.bias", (5,), "`x.safetensors`: `image_proj.proj.bias` is (5,), expected (3072,); the file is damaged, download it "
                                   "again."),
    ("image_proj.norm.bias", (768, 1), "`x.safetensors`: `image_proj.norm.bias` is (768, 1), expected (768,); the file is damaged, download "
                                       "it again."),
    ("ip_adapter.11.to_k_ip.weight", (640, 768), "`x.safetensors`: `ip_adapter.11.to_k_ip.weight` is (640, 768), expected (1280, 768); the "
                                                "file is damaged, download it again."),
    ("ip_adapter.9.to_v_ip.weight", (1280, 768, 1), "`x.safetensors`: `ip_adapter.9.to_v_ip.weight` is (1280, 768, 1), expected (1280, "
                                                    "768); the file is damaged, download it again."),
    ("ip_adapter.2.to_q_lora.up.weight", (320, 64), "`x.safetensors`: `ip_adapter.2.to_q_lora.up.weight` is (320, 64), expected (320, "
                                                    "128); the file is damaged, download it again."),
    ("ip_adapter.3.to_k_lora.down.weight", (128, 320), "`x.safetensors`: `ip_adapter.3.to_k_lora.down.weight` is (128, 320), expected "
                                                       "(128, 768); the file is damaged, download it again."),
])
def test_every_shape_is_checked(tmp_path, key, shape, sentence):
    shapes = made.flat(made.base_proj(1024, 768), made.layer_shapes("sd15", lora=True))
    assert key in shapes
    assert message_of(made.write_header(tmp_path / "x.safetensors", {**shapes, key: shape})) == sentence


def test_layers_of_another_model_and_missing_weights(tmp_path):
    shapes = made.flat(made.base_proj(1024, 768), made.layer_shapes("sd15", lora=True))
    beyond = {"ip_adapter.32.to_q_lora.down.weight": (128, 320), "ip_adapter.32.to_q_lora.up.weight": (320, 128)}
    assert message_of(made.write_header(tmp_path / "x.safetensors", {**shapes, **beyond})) == (
        "`x.safetensors` has `ip_adapter.32.to_q_lora.down.weight`, but SD 1.5 has no layer of that number; the adapter file is for another "
        "model.")
    del shapes["image_proj.norm.bias"]
    assert message_of(made.write_header(tmp_path / "x.safetensors", shapes)) == (
        "`x.safetensors` lacks `image_proj.norm.bias` (1 weights missing); the file is damaged, download it again.")


def test_sizes_that_no_module_can_have(tmp_path):
    side = 1 << 40
    shapes = {**made.flat(made.resampler(1280, 768, 768, 12), made.layer_shapes("sd15")), "image_proj.layers.0.1.1.weight": (side, 0),
              "image_proj.proj_in.weight": (0, side)}
    assert message_of(made.write_header(tmp_path / "x.safetensors", shapes)).startswith("`x.safetensors`")
