"""What a set adds to its images: an animation, a contact sheet, precise normal maps; and sets that are interrupted."""

import base64
import io
import re

import numpy as np
import pytest
from contract.subjects import fc
from PIL import Image

SWEEP = {"set": "sweep", "light": "left", "lights": [{"light": "top"}]}
AFTER_TWO = 5
"""The UNet's call, with two steps an image, in which the third image is being sampled."""


def images_of(reply, name):
    """The images whose infotext begins with the name, as the API returned them."""
    first = len(reply.png) - len(reply.infotexts)
    return [base64.b64decode(data) for data, text in zip(reply.png[first:], reply.infotexts, strict=True) if text.startswith(name)]


def played(data, seconds):
    """The format, and the frame that each period of a number of seconds ends with; encoders merge frames that look the same."""
    image = Image.open(io.BytesIO(data))
    frames = []
    for number in range(image.n_frames):
        image.seek(number)
        pixels = np.asarray(image.convert("RGB")).astype(int)
        frames += [pixels] * round(image.info["duration"] / 1000 / seconds)
    return image.format, frames


def coded(pixels, kind):
    """An image after one alone was written in this format and read."""
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, kind, quality=90)
    return np.asarray(Image.open(file).convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_a_sweep_as_one_file(client, kind):
    reply = client.send(relight=fc(**SWEEP, set_frames=8, set_file=kind, set_fps=10))
    (data,) = images_of(reply, "Relight sweep")
    form, frames = played(data, 1 / 10)
    assert (form, len(frames)) == (kind.upper(), 8)
    first = len(reply.png) - 9
    for number, frame in enumerate(frames):
        image = reply.pixels(first + number)
        loss = np.abs(coded(image, kind) - image).mean()  # large where a host's random network gives noise
        assert np.abs(frame - image).mean() < 1.5 * loss + 6


def saved(client):
    root = getattr(client.process, "path", client.process.folder)
    return {path for name in ("output", "outputs") for path in (root / name).rglob("*-sweep*")}


def test_a_sweep_is_saved_beside_its_first_frame(client):
    before = saved(client)
    reply = client.send(relight=fc(**SWEEP, set_frames=8, set_file="webp"), save_images=True)
    (path,) = saved(client) - before
    assert [path.read_bytes()] == images_of(reply, "Relight sweep")
    assert [beside.stem for beside in path.parent.glob(f"{path.stem.rpartition('-sweep')[0]}.*")]
    client.send(relight=fc(**SWEEP, set_frames=4, set_file="webp"), save_images=True, after={"interrupt_at": AFTER_TWO})
    assert saved(client) - before == {path}


def test_the_text_of_a_sweep_s_file_gives_the_sweep_again(client):
    reply = client.send(relight=fc(**SWEEP, set_frames=2, set_file="webp"))
    (data,) = images_of(reply, "Relight sweep")
    text = Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769)[0x9286].removeprefix(b"UNICODE\0").decode("utf-16-be")
    assert "Relight set: sweep, Relight set frames: 2, Relight set file: webp" in text
    assert text.rindex("Relight light: left") > text.index("Relight light: angle")


def test_a_contact_sheet(client):
    plain = client.once(relight=fc(set="sides"))
    reply = client.send(relight=fc(set="sides", set_sheet=True))
    (data,) = images_of(reply, "Relight contact sheet")
    sheet, cell = Image.open(io.BytesIO(data)), plain.size
    assert sheet.width >= 4 * cell[0] and sheet.height > cell[1], "a title above or below each image"
    pixels = np.asarray(sheet.convert("RGB")).astype(int)
    for index in range(4):
        wanted = reply.pixels(len(reply.png) - 5 + index)
        assert any((pixels[top:top + cell[1], left:left + cell[0]] == wanted).all()
                   for top in range(sheet.height - cell[1] + 1) for left in range(index * cell[0], sheet.width - cell[0] + 1))


def test_a_normal_map_of_16_bits_and_with_y_down(client):
    reply = client.send(relight=fc(set="normals", set_normals_y="directx", set_normals_file="png16"))
    up = client.send(relight=fc(set="normals"))
    coarse, fine = images_of(reply, "Relight normal map")
    (opengl,) = images_of(up, "Relight normal map")
    coarse, opengl = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in (coarse, opengl))
    assert np.abs(coarse[..., 0] - opengl[..., 0]).max() == 0
    assert np.abs(coarse[..., 1] + opengl[..., 1] - 254).max() <= 1
    assert fine[24:26] == b"\x10\x02" and b"Relight set: normals" in fine


def test_extras_have_the_ratio_images(client):
    texts = client.send(relight=fc(set="normals", extras=True)).infotexts
    assert [text for text in texts if text.startswith("Relight ratio")] == [
        f"Relight ratio {light}" for light in ("left", "right", "bottom", "top")]


@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize("fields", [{"set": "sides", "set_sheet": True}, {**SWEEP, "set_frames": 4, "set_file": "webp"}])
def test_an_interrupted_set_gives_no_file(client, fields):
    reply = client.send(relight=fc(**fields), after={"interrupt_at": AFTER_TWO})
    assert reply.status == 200
    own = [text for text in reply.infotexts if "Relight light" in text]
    assert 2 <= len(own) <= 4
    assert not images_of(reply, "Relight sweep") and not images_of(reply, "Relight contact sheet")


def test_each_image_s_infotext_gives_that_image_again(client):
    reply = client.send(relight=fc(set="directions"))
    texts = reply.infotexts[-8:]
    for index in (0, 3, 6):
        fields = dict(re.findall(r"Relight (light|light angle): ([^,\n]+)", texts[index]))
        alone = client.send(relight=fc(**{name.replace(" ", "_"): value for name, value in fields.items()}))
        assert np.abs(alone.pixels() - reply.pixels(len(reply.png) - 8 + index)).max() == 0


def test_blended_frames_lie_between_their_neighbours(client):
    plain, blended = (client.send(relight=fc(**SWEEP, set_frames=4, set_blend=blend)) for blend in (0.0, 0.5))
    first = len(plain.png) - 4
    assert any((plain.pixels(first + index) != blended.pixels(first + index)).any() for index in range(4))
    assert all("set_blend 0.5 with the neighbouring frames" in text for text in blended.infotexts[-4:])
    assert not any("set_blend" in text for text in plain.infotexts[-4:]), "what such an image's infotext gives is that image"


def test_messages(client):
    for fields, sentence in (({**SWEEP, "set_file": "avi"}, "`set_file` is 'avi'; choose one of none, webp, gif, mp4."),
                             ({**SWEEP, "set_fps": 0}, "`set_fps` is 0; it must be a number from 0.1 to 50.")):
        reply = client.send(relight=fc(**fields))
        assert (reply.status, reply.body["detail"]) == (422, sentence)
