"""Image prompts beside what else works on the UNet in the same job: guidance by attention, HRFix, FreeU, prompts by region,
and the host's own adapter, all of them before us and after us."""

import pytest
from contract import differences
from contract.adapter_files import BASE, PLUS, lay_adapters
from contract.client import difference
from contract.subjects import BACKGROUND, DISC, SCENE, fc

LEAST = 0.02
SIZE = {"width": 128, "height": 128}
"""At 64 pixels the middle block has one token, and self-attention guidance nothing to blur."""
HIRES = {"enable_hr": True, "hr_scale": 2, "denoising_strength": 0.7, "hr_second_pass_steps": 2,
         "hr_additional_modules": ["Use same choices"]}
GUIDANCE = {
    "SAG": ("selfattentionguidance", [True, 2.0, 2.0, 1.0]),
    "PAG": ("perturbedattentionguidance", [True, 3.0, 0.0, 0.0, 1.0]),
    "Kohya HRFix": ("kohya hrfix", [True, 3, 1.4, 0.0, 1.0, True, "bicubic", "bicubic"]),
    "FreeU": ("freeu", [True, 1.3, 1.4, 0.9, 0.2, 0.0, 1.0]),
}
"""Short name -> (how the script's title begins, its arguments). HRFix by 2 would leave FreeU one pixel, which it divides by 0."""


def unit(model=PLUS, image=BACKGROUND, **fields):
    return {"model": model, "image": image, **fields}


@pytest.fixture(scope="module", autouse=True)
def adapters(client):
    lay_adapters(client)


@pytest.fixture(scope="module")
def others(client):
    """Short name -> alwayson argument of each script of GUIDANCE that the host has."""
    titles = client.get("/sdapi/v1/scripts")["txt2img"]
    found = {name: next((title for title in titles if title.startswith(start)), None) for name, (start, _) in GUIDANCE.items()}
    return {name: {title: GUIDANCE[name][1][:arguments(client, title)]} for name, title in found.items() if title}


def arguments(client, title):
    """How many the script takes; hosts have them with and without times."""
    infos = client.get("/sdapi/v1/script-info")
    return len(next(info["args"] for info in infos if info["name"] == title and not info["is_img2img"]))


@pytest.fixture(params=["before us", "after us"])
def place(request, client):
    """The order of the scripts as the host's own setting makes it; Relight comes after the host's own by default."""
    if request.param == "before us":
        yield
        return
    client.send()
    order = client.probe("before").get("order")
    if not order:
        pytest.skip(f"{client.name} has no setting for the order of scripts")
    client.send(before={"first": [name for name in order if "/relight.py/" in name]})
    assert "/relight.py/" in client.probe("before")["order"][0]
    yield
    client.send(before={"first": []})
    assert client.probe("before")["order"] == order


def equal(one, other):
    return one.size == other.size and (one.pixels() == other.pixels()).all()


def assert_composes(client, plain, *, light=None, patched="patched 16/16", **fields):
    """A unit changes the image, one of weight 0 does not, and the same job without units is afterwards what it was."""
    alone = client.send(relight=light, **fields)
    assert difference(alone, plain) > LEAST, "the other one works"
    assert alone.pixels().std() > 1, "the image is not one colour"
    with_unit = client.send(relight={**(light or {}), "ip_adapter": [unit()]}, **fields)
    assert with_unit.proof.endswith(f"IP-Adapter {PLUS}, {patched}")
    assert difference(with_unit, alone) > LEAST
    assert equal(client.send(relight={**(light or {}), "ip_adapter": [unit(weight=0)]}, **fields), alone)
    assert equal(client.send(relight=light, **fields), alone)
    return alone, with_unit


@pytest.mark.real_host
@pytest.mark.usefixtures("place", "undone")
@pytest.mark.parametrize("name", GUIDANCE)
def test_with_one_of_the_host_s_own(client, others, name):
    if name not in others:
        pytest.skip(f"{client.name} has no built-in {name}")
    _, with_unit = assert_composes(client, client.once(**SIZE), others=others[name], **SIZE)
    without = client.once(relight={"ip_adapter": [unit()]}, **SIZE)
    assert difference(with_unit, without) > LEAST


@pytest.mark.real_host
@pytest.mark.usefixtures("place", "undone")
def test_with_all_of_them_and_light(client, others):
    if not others:
        pytest.skip(f"{client.name} has none of {', '.join(GUIDANCE)}")
    every = {title: args for script in others.values() for title, args in script.items()}
    light = fc(light="left")
    assert_composes(client, client.once(relight=light, **SIZE), light=light, others=every, **SIZE)


@pytest.mark.real_host
@pytest.mark.usefixtures("undone")
def test_a_mask_where_hrfix_changes_the_sizes(client, others):
    if "Kohya HRFix" not in others:
        pytest.skip(f"{client.name} has no built-in Kohya HRFix")
    jobs = [client.send(relight={"ip_adapter": [unit(**given)]}, others=others["Kohya HRFix"], **SIZE)
            for given in ({}, {"mask": DISC}, {"weight": 0})]
    assert all(difference(a, b) > LEAST for i, a in enumerate(jobs) for b in jobs[:i])


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("light", [None, fc(light="left")], ids=["alone", "with light"])
def test_prompts_by_region(client, light):
    """The batch grows in front of the attention and shrinks behind it, with a row to fill up."""
    wish = {"regions": 0.5}
    alone, _ = assert_composes(client, client.once(relight=light), light=light, before=wish)
    assert client.probe("before")["region_calls"] == 32, "16 layers, 2 steps"
    assert equal(client.send(relight=light, after=wish), alone)


def test_every_region_gets_the_conditional_image(client):
    """Both regions with the same text are no regions at all: each row must have the image of its own side."""
    job = {"relight": {"ip_adapter": [unit(), unit(BASE, SCENE, weight=0.5)]}}
    one, two = client.once(**job), client.send(**job, before={"regions": 1.0})
    assert abs(one.pixels() - two.pixels()).max() <= 1
    batch = {"batch_size": 2, **job}
    one, two = client.once(**batch), client.send(**batch, before={"regions": 1.0})
    assert all(abs(one.pixels(i) - two.pixels(i)).max() <= 1 for i in range(2))


@pytest.mark.real_host
@pytest.mark.usefixtures("place", "undone")
@pytest.mark.parametrize("hires", [False, True], ids=["one pass", "hires"])
def test_with_the_host_s_own_ip_adapter(client, own_unit, upscaler, hires):
    """Both prompt, in either order and once in each pass; the other's image alone is left where ours has no weight."""
    fields = {**HIRES, "hr_upscaler": upscaler} if hires else {}
    alone, with_unit = assert_composes(client, client.once(**fields), others={"ControlNet": [own_unit]}, **fields)
    assert difference(with_unit, client.once(relight={"ip_adapter": [unit()]}, **fields)) > LEAST
    kept = client.kept.setdefault(f"own and ours {hires}", with_unit)
    assert abs(kept.pixels() - with_unit.pixels()).max() <= 1, "the order changes nothing but rounding"


@pytest.fixture
def own_unit(client):
    """A ControlNet unit for the host's own IP-Adapter."""
    if not client.process.has_controlnet:
        pytest.skip(f"{client.name} has no ControlNet")
    models = [name for name in client.get("/controlnet/model_list")["model_list"] if name.startswith("ip-adapter_sd15")]
    modules = [name for name in client.get("/controlnet/module_list")["module_list"] if name.startswith("CLIP-ViT-H (IP")]
    encoder = client.process.path / "models" / "ControlNetPreprocessor" / "CLIP-ViT-H-14.safetensors"
    if not models or not modules or not encoder.is_file():
        pytest.skip(f"{client.name} has no {'IP-Adapter model' if not models else 'preprocessor for it'}: put ip-adapter_sd15.safetensors "
                    "into its models/ControlNet and CLIP-ViT-H-14.safetensors into models/ControlNetPreprocessor to test its own "
                    "IP-Adapter beside ours")
    unit = {"enabled": True, "module": modules[0], "model": models[0], "image": SCENE, "weight": 0.8, "guidance_start": 0.0,
            "guidance_end": 1.0}
    alone = client.send(others={"ControlNet": [unit]})
    if "has no setter" in client.process.console() and equal(alone, client.plain):
        differences.met(client, "own IP-Adapter broken")
        pytest.skip(f"{client.name}: the host's own IP-Adapter fails without us, too")
    return unit
