"""Files of images: animations, 16-bit PNG, EXR; where they are written, and what the API and the page get."""

import io
import sys
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sd_relight.lib_relight.base.errors import RelightError
from sd_relight.lib_relight.hosts import contact_sheet, results
from sd_relight.lib_relight.hosts.results import Added
from sd_relight.lib_relight.job.image_files import encode_animation, encode_png16
from sd_relight.lib_relight.packages import exr, video

RED = Image.new("RGB", (8, 6), "red")


@pytest.fixture
def frames(rng):
    return [Image.fromarray(rng.integers(0, 256, (17, 18, 3), dtype=np.uint8)) for _ in range(5)]


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_animations(frames, kind):
    image = Image.open(io.BytesIO(encode_animation(frames, kind, 4, True, "a vase\nSteps: 2")))
    assert (image.format, image.n_frames, image.size, image.info["loop"]) == (kind.upper(), 5, (18, 17), 0)
    image.seek(1)
    image.load()
    assert image.info["duration"] == 250
    text = image.info["comment"].decode() if kind == "gif" else image.getexif().get_ifd(0x8769)[0x9286][8:].decode("utf-16-be")
    assert text == "a vase\nSteps: 2"
    once = Image.open(io.BytesIO(encode_animation(frames, kind, 4, False)))
    assert once.info.get("loop", 1) == 1


@pytest.mark.parametrize("module", video.MODULES)
def test_videos(frames, module, monkeypatch):
    pytest.importorskip(module, reason=f"{module} is not installed, which writes MP4")
    monkeypatch.setattr(video, "importable", lambda name: name == module)
    data = encode_animation(frames, "mp4", 12, True, "a vase")
    assert data[4:8] == b"ftyp" and b"a vase" in data
    if module == "av":
        import av

        with av.open(io.BytesIO(data)) as container:
            decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(decoded) == 5 and decoded[0].shape == (16, 18, 3)


def test_packages_that_lack(frames, monkeypatch):
    for module in (video, exr):
        monkeypatch.setattr(module, "importable", lambda name: False)
    with pytest.raises(RelightError, match="`set_file` mp4 needs the package av or imageio-ffmpeg, and neither is installed; run "):
        encode_animation(frames, "mp4", 12, True)
    with pytest.raises(RelightError, match="`output` exr needs the package OpenEXR, which is not installed; run "):
        exr.encode_exr(np.zeros((2, 2, 3)))
    assert exr.missing("set_normals_file").startswith("`set_normals_file` exr needs the package OpenEXR, which is not installed; run ")


def test_png_of_16_bits(rng):
    pixels = rng.integers(0, 65536, (3, 5, 3), dtype=np.uint16)
    data = encode_png16(pixels, "Grün")
    start = data.index(b"IDAT")
    rows = np.frombuffer(zlib.decompress(data[start + 4:-16]), np.uint8).reshape(3, -1)[:, 1:]
    assert (np.ascontiguousarray(rows).view(">u2").reshape(3, 5, 3) == pixels).all()
    opened = Image.open(io.BytesIO(data))
    opened.load()  # checks the sums
    assert (opened.size, opened.text["parameters"]) == ((5, 3), "Grün")
    assert np.abs(np.asarray(opened).astype(int) - (pixels >> 8)).max() <= 1


def test_grey_png_of_16_bits(rng):
    levels = rng.integers(0, 65536, (3, 5), dtype=np.uint16)
    opened = Image.open(io.BytesIO(encode_png16(levels, "a vase")))
    assert (np.asarray(opened) == levels).all() and opened.text["parameters"] == "a vase"


@pytest.mark.parametrize("shape", [(3, 5, 3), (3, 5)])
def test_exr(rng, shape):
    openexr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed, which writes EXR")
    pixels = rng.uniform(-1, 1, shape).astype(np.float32)
    with openexr.File(io.BytesIO(exr.encode_exr(pixels, "a vase"))) as file:
        assert (file.channels()["RGB" if len(shape) == 3 else "Y"].pixels == pixels).all() and file.header()["comments"] == "a vase"


def added_to(tmp_path, added, is_api):
    processed = SimpleNamespace(images=[], infotexts=[], comments="")
    results.add(SimpleNamespace(is_api=is_api), processed, added, f"Relight {added.name}")
    return processed


@pytest.mark.parametrize("is_api", [True, False])
def test_files_beside_the_first_image(tmp_path, is_api):
    added = Added("sweep", RED, b"RIFF", "webp", beside=str(tmp_path / "00001-7.png"))
    for name in ("00001-7-sweep.webp", "00001-7-sweep-1.webp"):
        (image,) = added_to(tmp_path, added, is_api).images
        assert image.already_saved_as == str(tmp_path / name) and (tmp_path / name).read_bytes() == b"RIFF"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_api_s_encoder_writes_the_file_itself():
    (image,) = added_to(None, Added("sweep", RED, b"RIFF", "mp4"), is_api=True).images
    for form, options in (("PNG", {"pnginfo": None, "quality": 80}), ("WEBP", {"exif": b"", "lossless": False})):
        file = io.BytesIO()
        image.save(file, format=form, **options)
        assert file.getvalue() == b"RIFF"
    assert image.size == (8, 6) and not hasattr(image, "already_saved_as")


def test_the_page_s_folder_for_images_without_a_file_exists(tmp_path, monkeypatch):
    shared = SimpleNamespace(opts=SimpleNamespace(temp_dir=str(tmp_path / "data" / "tmp")))
    monkeypatch.setitem(sys.modules, "modules", SimpleNamespace(shared=shared))
    added_to(tmp_path, Added("matte", RED), is_api=False)
    assert (tmp_path / "data" / "tmp").is_dir()


def test_a_cut_out_reaches_the_api_where_images_are_jpegs():
    (image,) = added_to(None, Added("cut-out", RED.convert("RGBA"), b"PNG", "png"), is_api=True).images
    assert image.mode == "RGB", "else the host converts it, and saves what it converted"


def test_the_page_names_a_file_that_it_cannot_show(tmp_path):
    processed = added_to(tmp_path, Added("sweep", RED, b"mp4", "mp4", beside=str(tmp_path / "a.png")), is_api=False)
    assert processed.infotexts == [f"Relight sweep: {tmp_path / 'a-sweep.mp4'}"] == processed.comments.splitlines()
    assert type(processed.images[0]) is Image.Image


def test_sheets_by_the_host_s_grid(monkeypatch):
    drawn = []

    class HostImages:
        GridAnnotation = staticmethod(lambda text="": text)

        def image_grid(self, images, rows):
            return Image.new("RGB", (8 * len(images), 6 * rows), "blue")

        def draw_grid_annotations(self, grid, width, height, columns, rows):
            drawn.append((grid.size, width, height, columns, rows))
            return Image.new("RGB", (grid.width, grid.height + 4), "green")

    sheet = contact_sheet.by_host(HostImages(), [(str(number), RED) for number in range(6)], 4)
    assert drawn == [((32, 6), 8, 6, [["0"], ["1"], ["2"], ["3"]], [[""]]), ((16, 6), 8, 6, [["4"], ["5"]], [[""]])]
    assert sheet.size == (32, 20)
