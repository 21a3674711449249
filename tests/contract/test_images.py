"""Different requests give different images, equal requests equal bytes."""

from itertools import combinations

from contract.client import difference
from contract.subjects import OTHER, SCENE, fbc, fc, iclight

LEAST = 0.02
"""Grey levels of mean difference. Equal jobs are byte-equal; half the condition of a file with random weights gives 0.11."""
JOBS = {
    "plain": None, "fc": fc(), "fc left": fc(light="left"), "fc right": fc(light="right"), "fc ambient": fc(light="ambient"),
    "fc other subject": iclight(foreground=OTHER), "fc half": fc(condition_scale=0.5), "fbc": fbc(),
    "fbc flipped": fbc(background_flip=True),
}


def test_each_request_has_its_own_image(client):
    """Grey levels of mean difference, of every pair."""
    images = {name: client.once(relight=relight) for name, relight in JOBS.items()}
    close = {pair: difference(*(images[name] for name in pair)) for pair in combinations(JOBS, 2)}
    # a linear ramp flipped top to bottom is not flipped left to right: the background is symmetric there
    assert close.pop(("fbc", "fbc flipped")) >= 0
    assert {pair: value for pair, value in close.items() if value < LEAST} == {}


def test_fc_fbc_off_fc(client):
    first = client.send(relight=fc())
    other = client.send(relight=fbc())
    off = client.send(relight={"enabled": False, **fc()})
    assert first.png[0] != other.png[0]
    assert off.png == client.plain.png
    assert client.send(relight=fc()).png == first.png


def test_a_seed_is_an_image(client):
    again = client.send("img2img", relight=iclight(light="left", matting="none"), init_images=[SCENE], denoising_strength=0.9)
    once = client.once("img2img", relight=iclight(light="left", matting="none"), init_images=[SCENE], denoising_strength=0.9)
    assert again.png == once.png
    other = client.send("img2img", relight=iclight(light="left", matting="none"), init_images=[SCENE],
                        denoising_strength=0.9, seed=8)
    assert difference(other, once) > LEAST


def test_the_saved_text_names_the_job(client):
    reply = client.once(relight=fc(light="left", reinforce=0.4))
    text = reply.infotexts[0]
    assert f'Relight: "{reply.proof}"' in text
    assert "Relight light: left" in text
    assert "Relight reinforce: 0.4" in text
    assert reply.image().info["parameters"] == text
