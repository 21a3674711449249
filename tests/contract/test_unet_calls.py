"""However the UNet is called: cond and uncond apart, tile by tile, with text layers that others replace and change by step."""

import pytest
from contract import differences
from contract.adapter_files import PLUS, lay_adapters
from contract.client import difference
from contract.subjects import BACKGROUND, SCENE, fbc, fc
from encoding import encoded
from PIL import Image

LEAST = 0.02
ROUNDING = 0.002
"""Grey levels in the mean, or share of a sum: what batches of another size may differ by."""
UNIT = {"model": PLUS, "image": SCENE}
UNITS = {"image": {"ip_adapter": [UNIT]}, "light": fc(light="left"), "both": {**fbc(), "ip_adapter": [UNIT]},
         "negative": {"ip_adapter": [{**UNIT, "uncond": "image", "negative_image": BACKGROUND}]}}
WIDE = {"width": 128, "height": 64, "steps": 2}


def region(left: int) -> str:
    """A mask over 128 x 64, white in 64 columns from `left`."""
    mask = Image.new("L", (128, 64))
    mask.paste(255, (left, 0, left + 64, 64))
    return encoded(mask)


@pytest.fixture(scope="module", autouse=True)
def adapters(client):
    lay_adapters(client)


@pytest.fixture
def wrapped(client):
    """The UNet's calls can be changed by a wrapper here."""
    if client.status()["host"] == "a1111":
        differences.met(client, "no wrapper of the UNet")
        pytest.skip("A1111 has no wrapper around the UNet's calls")


@pytest.mark.usefixtures("undone", "wrapped")
@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("calls", [[[0], [1]], [[1], [0]], [[1, 0]]], ids=["apart", "apart, other first", "other first"])
def test_cond_and_uncond_in_any_calls(client, name, calls):
    together, reply = client.once(relight=UNITS[name]), client.send(relight=UNITS[name], before={"calls": calls})
    assert reply.proof == together.proof
    assert difference(reply, together) < ROUNDING


@pytest.mark.usefixtures("wrapped")
def test_cond_and_uncond_apart_in_a_batch(client):
    together = client.once(relight=UNITS["both"], batch_size=2)
    reply = client.send(relight=UNITS["both"], batch_size=2, before={"calls": [[1], [0]]})
    assert all(difference(reply, together, index) < ROUNDING for index in (0, 1))


@pytest.fixture
def in_tiles(client):
    """in_tiles(request, together=1) -> (reply, sums of the left and the right half of the UNet's last output).

    place: whether tiles are cut by an extension that patches the UNet before or after Relight.
    """

    def send(request, together=1, width=8, place="before", **fields):
        reply = client.send(relight=request, **{place: {"tiles": [width, together]}}, **WIDE, **fields)
        assert reply.status == 200, reply.text
        return reply, client.probe(place)["halves"]

    return send


@pytest.mark.usefixtures("wrapped")
@pytest.mark.parametrize("name", UNITS)
def test_one_tile_is_the_whole(client, name, in_tiles):
    whole = client.once(relight=UNITS[name], **WIDE)
    reply, _ = in_tiles(UNITS[name], width=16)
    assert reply.proof == whole.proof
    assert difference(reply, whole) < ROUNDING


@pytest.mark.usefixtures("undone", "wrapped")
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("name", UNITS)
def test_tiles_together_are_what_they_are_one_by_one(name, batch_size, in_tiles):
    """All chunks are repeated for each tile: no tile's uncond may get another's cond."""
    (one, _), (other, _) = (in_tiles(UNITS[name], together, batch_size=batch_size) for together in (1, 2))
    assert all(difference(one, other, index) < ROUNDING for index in range(batch_size))


@pytest.mark.usefixtures("wrapped")
@pytest.mark.parametrize(("together", "place"), [(1, "before"), (2, "before"), (2, "after")])
def test_region_masks_follow_the_tile(in_tiles, together, place):
    """Without overlap a tile never sees the other, so a mask over one tile is that tile with the image and the other without."""
    (_, everywhere), (_, nowhere) = in_tiles({"ip_adapter": [UNIT]}), in_tiles(None)
    (_, left), (_, right) = (in_tiles({"ip_adapter": [{**UNIT, "mask": region(start)}]}, together, place=place) for start in (0, 64))
    assert everywhere != pytest.approx(nowhere, rel=1e-4)
    assert left == pytest.approx([everywhere[0], nowhere[1]], rel=1e-5)
    assert right == pytest.approx([nowhere[0], everywhere[1]], rel=1e-5)


@pytest.mark.usefixtures("wrapped")
@pytest.mark.parametrize("place", ["before", "after"])
def test_conditions_follow_the_tile(in_tiles, place):
    """Subjects that differ in the left half only change the left tile most. A VAE's norms and attention reach the whole image:
    on Forge with a random one of full size the right tile changes by a third as much."""
    scene = Image.linear_gradient("L").resize((128, 64)).convert("RGB")
    other = scene.copy()
    other.paste((200, 30, 60), (0, 0, 32, 64))
    (_, one), (_, two) = (in_tiles({"iclight": {"foreground": encoded(image), "matting": "none"}}, place=place)
                          for image in (scene, other))
    assert abs(one[0] / two[0] - 1) > 2 * abs(one[1] / two[1] - 1)


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("name", UNITS)
def test_text_layers_that_change_by_step(client, name):
    """As LoRAs do that replace `forward` of to_k and to_v and take another strength in each step."""
    plain, relit = client.once(before={"factors": [1.5, 0.5]}), client.once(relight=UNITS[name])
    before, after = (client.send(relight=UNITS[name], **{place: {"factors": [1.5, 0.5]}}) for place in ("before", "after"))
    assert before.png == after.png and before.proof == relit.proof
    assert min(difference(before, reply) for reply in (plain, relit, client.plain)) > LEAST
    same = client.send(relight=UNITS[name], before={"factors": [1.0]})
    assert same.png == relit.png


def test_multidiffusion_of_the_host(client):
    """Its own tiles; the script exists in img2img only."""
    title = next((title for title in client.get("/sdapi/v1/scripts")["img2img"] if title.startswith("multidiffusion")), None)
    if title is None:
        pytest.skip("the host has no built-in MultiDiffusion; the probe's tiles stand for it")
    job = {"init_images": [SCENE], "denoising_strength": 0.9, "width": 512, "height": 256}
    relit = {**fc(light="left"), "ip_adapter": [{**UNIT, "mask": region(0)}]}
    replies = [client.send("img2img", relight=relit, others={title: [True, "MultiDiffusion", 256, 256, 0, count]}, **job)
               for count in (1, 2)]
    assert replies[0].proof.endswith("patched 16/16")
    assert difference(*replies) < 0.5
    assert difference(replies[0], client.send("img2img", others={title: [True, "MultiDiffusion", 256, 256, 0, 1]}, **job)) > LEAST
