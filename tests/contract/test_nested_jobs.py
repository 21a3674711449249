"""Scripts that run jobs inside a job: each is relit as what it is, txt2img or img2img, and by its own init image's frame."""

import numpy as np
import pytest
from contract.client import BASE, difference
from contract.subjects import FOREGROUND, SCENE, fc, iclight, scene
from encoding import encoded
from PIL import Image

BOX = (20, 20, 44, 44)
DETAILER, LOOP = "Relight contract detailer after", "Relight contract loop after"
SD_UPSCALE, UPSCALE_FIELDS = "sd upscale", {"tile overlap": 0, "upscaler": "None", "scale factor": 1}
IMG2IMG = {"init_images": [SCENE], "denoising_strength": 0.9}


def detailed(client, relight, **wish):
    reply = client.send(relight=relight, others={DETAILER: [{"box": BOX, **wish}]})
    return reply, client.get("/relight-contract/nested/after"), client.get("/relight-contract/nested/before")


@pytest.mark.usefixtures("undone")
def test_a_detailer_s_job_is_an_img2img_job(client):
    """The light goes into its init latent once, and not into its noise as in the txt2img job around it."""
    relight = fc(light="left")
    reply, (outer, inner), (_, inner_before) = detailed(client, relight)
    assert (outer["img2img"], inner["img2img"]) == (False, True)
    assert inner["proof"].startswith("fc, left") and inner["rewritten"]
    assert not inner["modified_noise"] and inner["noise"] == inner_before["noise"]
    alone = client.once(relight=relight)
    changed = np.abs(reply.pixels() - alone.pixels()).max(-1)
    assert changed[BOX[1]:BOX[3], BOX[0]:BOX[2]].mean() > 1
    changed[BOX[1]:BOX[3], BOX[0]:BOX[2]] = 0
    assert changed.max() <= 1 and reply.proof == alone.proof


@pytest.mark.usefixtures("undone")
def test_a_detailer_that_leaves_relight_out(client):
    reply, (outer, inner), _ = detailed(client, fc(light="left"), without=["Relight"])
    assert outer["proof"] and inner["proof"] is None and not inner["rewritten"]
    plain, (_, plain_inner), _ = detailed(client, None)
    assert plain_inner["proof"] is None and difference(reply, plain) > 0.02


@pytest.mark.usefixtures("undone")
def test_a_detailer_in_a_set_takes_the_light_of_its_image(client):
    _, jobs, _ = detailed(client, fc(set="sides"))
    assert [(job["img2img"], job["proof"].split(", ")[1]) for job in jobs] == [
        (is_inner, light) for light in ("left", "right", "top", "bottom") for is_inner in (False, True)]
    _, jobs, _ = detailed(client, fc(light="top"))
    assert [job["proof"].split(", ")[1] for job in jobs] == ["top", "top"]


@pytest.mark.usefixtures("undone")
def test_loopback_relights_every_pass(client):
    reply = client.send("img2img", relight=iclight(light="left", matting="none"), script_name=LOOP, script_args=["loopback"], **IMG2IMG)
    jobs = client.get("/relight-contract/nested/after")
    assert [(job["rewritten"], job["proof"][:8]) for job in jobs] == [(True, "fc, left")] * 2
    again = iclight(light="left", matting="none")
    second = client.send("img2img", relight=again, **{**IMG2IMG, "init_images": [encoded(reply.image(0).convert("RGB"))]})
    assert np.abs(second.pixels() - reply.pixels(1)).max() <= 1, "the second pass has the first one's result as its subject"


def upscale_args(client):
    """The arguments of SD upscale in the host's own order."""
    script = next(entry for entry in client.get("/sdapi/v1/script-info") if entry["name"] == SD_UPSCALE and entry["is_img2img"])
    labels = [item["label"].lower() for item in script["args"]]
    assert set(UPSCALE_FIELDS) <= set(labels)
    return [UPSCALE_FIELDS.get(label, item["value"]) for label, item in zip(labels, script["args"])]


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("script", [LOOP, pytest.param(SD_UPSCALE, marks=pytest.mark.real_host)], ids=["probe", "SD upscale"])
def test_tiles_see_their_part_of_the_background(client, script):
    """Both tiles are alike, the background's halves are not: each tile is what its half alone gives."""
    tile, behind = scene(), scene((128, 64))
    whole = Image.new("RGB", (128, 64))
    whole.paste(tile, (0, 0))
    whole.paste(tile, (64, 0))
    halves = [behind.crop((left, 0, left + 64, 64)) for left in (0, 64)]

    def relit(image, background, **fields):
        return client.send("img2img", relight=iclight(background=encoded(background), matting="none"), init_images=[encoded(image)],
                           denoising_strength=0.9, **fields)

    reply = relit(whole, behind, script_name=script, script_args=["tiles"] if script == LOOP else upscale_args(client))
    parts = [reply.pixels(0)[:, :64], reply.pixels(0)[:, 64:]] if reply.size[0] == 128 else [reply.pixels(0), reply.pixels(1)]
    is_probe = script == LOOP
    seeds = [BASE["seed"], BASE["seed"] + (0 if is_probe else 1)]  # SD upscale counts it up with each tile
    for part, seed, half, other in zip(parts, seeds, halves, reversed(halves)):
        single, wrong = (relit(tile, background, seed=seed).pixels() for background in (half, other))
        assert np.abs(single - wrong).mean() > 0.02
        assert np.abs(part - single).mean() < np.abs(part - wrong).mean() / 2
        if is_probe:  # before a tile of SD upscale other jobs ran, on which Forge's sampled init latent depends
            assert np.abs(part - single).max() <= 1


def test_a_foreground_in_a_detailer_s_job_is_cropped(client):
    """A subject of another shape than the image is reported."""
    reply = client.send(relight=iclight(foreground=FOREGROUND, light="left"), others={DETAILER: [{"box": BOX}]})
    assert reply.status == 200
    assert "`foreground` is 80x96 and the img2img image 64x64" in client.process.console()
