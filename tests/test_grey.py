"""Laws of reading an image file: no decoder that runs programs is asked, all errors are Unusable, ink is seen."""

import ast
import contextlib
import io
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image, features

from vae.images import grey

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of much that it then reads
ROOT = Path(__file__).parent.parent
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\n{} loop\n"
SHOWN = np.zeros((40, 60), np.uint8)
SHOWN[8:30, 20:34] = 200


def file_of(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def one_of_each():
    """A small file of every format, some with facts beside the image."""
    image, turned = Image.fromarray(SHOWN), Image.Exif()
    turned[0x0112] = 6
    yield from (file_of(image, kind) for kind in grey.FORMATS if kind != "AVIF" or features.check("avif"))
    yield file_of(image, "jpeg", exif=turned, dpi=(72, 72), progressive=True)
    yield file_of(image.convert("P"), "gif", save_all=True, append_images=[image.convert("P").rotate(90)])
    yield file_of(image.convert("1"), "tiff", compression="group4")
    yield file_of(Image.fromarray(SHOWN.astype(np.uint16) * 257), "png")
    yield file_of(image.convert("RGBA"), "webp", lossless=True)


FILES = list(one_of_each())


# What runs


@pytest.fixture
def decoders_asked(monkeypatch):
    """The formats whose decoder is asked about a file."""
    Image.init()
    asked = set()
    for kind, (factory, accept) in Image.OPEN.items():

        def spy(*arguments, kind=kind, factory=factory):
            asked.add(kind)
            return factory(*arguments)

        monkeypatch.setitem(Image.OPEN, kind, (spy, accept))
    return asked


@pytest.mark.fault("a file that was uploaded, or lay in a folder of images, ran as a program")
@pytest.mark.parametrize("before", [b"", b"\xc5\xd0\xd3\xc6" + bytes(26)], ids=["plain", "with a preview's head"])
def test_postscript_is_never_decoded_whatever_its_name(tmp_path, decoders_asked, before):
    for name in ("digit.png", "digit.eps", "digit.jpg", "digit"):
        (tmp_path / name).write_bytes(before + POSTSCRIPT)
        for source in (tmp_path / name, before + POSTSCRIPT):
            with pytest.raises(grey.Unusable, match="not an image in a format that can be read"):
                grey.read(source)
    assert decoders_asked <= set(grey.FORMATS)


@pytest.mark.fault("a file that was uploaded, or lay in a folder of images, ran as a program")
def test_only_the_formats_of_the_list_are_decoded(decoders_asked):
    for kind in sorted(set(Image.SAVE) - set(grey.FORMATS) - {"MPO"}):  # an MPO is a JPEG with more after it
        for mode in ("RGB", "1", "L", "RGBA", "P"):
            try:
                content = file_of(Image.fromarray(SHOWN).convert(mode), kind)
            except (OSError, ValueError, KeyError):  # this format has no such mode, or no encoder here
                continue
            with pytest.raises(grey.Unusable):
                grey.read(content)
    assert decoders_asked <= set(grey.FORMATS)


@pytest.mark.fault("a file that was uploaded, or lay in a folder of images, ran as a program")
def test_no_other_module_gives_a_file_to_a_decoder():
    opened = [
        path.relative_to(ROOT).as_posix()
        for room in ("vae", "explorer")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "open" and getattr(node.value, "id", "") == "Image"
    ]
    assert opened == ["vae/images/grey.py"]


# What is seen


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_every_format_shows_what_was_saved(content):
    read = grey.read(content)
    upright = read if read.shape == SHOWN.shape else np.rot90(read)
    assert np.abs(upright.astype(int) - SHOWN)[SHOWN == 0].mean() < 8
    assert np.median(upright[SHOWN > 0]) == pytest.approx(200, abs=56)  # two levels have no 200


@pytest.mark.fault("a picture with ink was called empty")
@pytest.mark.parametrize("kind", ["gif", "png", "tiff", "webp"])
def test_of_several_frames_the_first_that_shows_something_is_read(kind):
    blank = Image.new("L", (60, 40), 0)
    content = file_of(blank, kind, save_all=True, append_images=[blank, Image.fromarray(SHOWN)])
    assert grey.read(content).max() > 150
    assert grey.read(file_of(blank, kind)).max() == 0


@pytest.mark.fault("a picture with ink was called empty")
@pytest.mark.parametrize("most", [40, 1_000, 4_095, 65_535])
def test_the_depth_of_a_scan_takes_nothing_from_its_contrast(most):
    deep = Image.fromarray((SHOWN.astype(np.float64) / 200 * most).astype(np.uint16))
    assert grey.read(file_of(deep, "png"), stretch=True).max() == 255
    assert (grey.read(file_of(deep, "png")) == np.asarray(deep) >> 8).all()


@pytest.mark.fault("a picture with ink was called empty")
def test_fractions_are_read_where_their_own_range_is_asked_for():
    values = SHOWN.astype(np.float32) / 1e3 - 3
    values[0, 0] = np.nan
    content = file_of(Image.fromarray(values), "tiff")
    assert (grey.read(content, stretch=True) > 128).sum() == (SHOWN > 0).sum()
    with pytest.raises(grey.Unusable, match="fractions"):
        grey.read(content)


@pytest.mark.fault("a picture with ink was called empty")
def test_a_line_of_one_pixel_is_seen_in_a_large_scan_of_two_levels():
    scan = np.full((3000, 2000), 255, np.uint8)
    scan[500:2500, 1001] = 0
    for mode in ("1", "P"):
        assert grey.read(file_of(Image.fromarray(scan).convert(mode), "png"), longest=1000).min() < 200


def test_an_image_is_shrunk_to_the_mean_of_what_each_pixel_covers():
    image = np.random.default_rng(0).integers(0, 256, (3 * 301, 3 * 100), np.uint8)
    means = image.reshape(301, 3, 100, 3).mean(axis=(1, 3))
    for mode in ("L", "RGBA"):
        content = file_of(Image.fromarray(image).convert(mode), "png")
        assert np.abs(grey.read(content, longest=301) - means).max() <= 1


@pytest.mark.fault("a decoder raised what was not caught")
def test_facts_beside_an_image_that_are_broken_do_not_break_it():
    exif = bytearray(file_of(Image.fromarray(SHOWN), "jpeg", exif=_turned(6), dpi=(72, 72)))
    at = exif.index(b"Exif")
    for byte in range(at + 6, at + 40):
        broken = exif.copy()
        broken[byte] ^= 0xFF
        assert grey.read(bytes(broken)).max() > 150


def _turned(turn):
    facts = Image.Exif()
    facts[0x0112] = turn
    facts[0x011A] = 72.0  # the resolution, which a viewer must rewrite when it turns the image
    return facts


# What is refused


def heads_that_promise_too_much():
    """Small files whose heads tell of images that no memory holds."""
    png = bytearray(file_of(Image.new("L", (1, 1)), "png"))
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    yield "png", bytes(png)
    yield "gif", b"GIF89a\xff\xff\xff\xff" + file_of(Image.new("L", (1, 1)), "gif")[10:]
    bmp = bytearray(file_of(Image.new("RGB", (1, 1)), "bmp"))
    bmp[18:26] = (30_000).to_bytes(4, "little") * 2
    yield "bmp", bytes(bmp)
    yield "ppm", b"P6 30000 30000 255 "
    yield "webp", file_of(Image.new("L", (16_000, 16_000)), "webp", lossless=True, method=0)
    yield "tiff", file_of(Image.new("RGB", (9_000, 9_000)), "tiff", compression="tiff_deflate")
    yield "a tile", _with_tiles_of(59_968)


def _with_tiles_of(side):
    """A TIFF of 16 x 16 pixels in strips, its directory changed to one tile of side x side."""
    content = file_of(Image.new("L", (16, 16), 255), "tiff", compression="tiff_deflate")
    start = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[start : start + 2], "little")
    entries = [content[start + 2 + 12 * i :][:12] for i in range(count)]
    fields = {int.from_bytes(entry[:2], "little"): entry[2:] for entry in entries}
    long = (4).to_bytes(2, "little") + (1).to_bytes(4, "little") + side.to_bytes(4, "little")
    fields |= {322: long, 323: long, 324: fields.pop(273), 325: fields.pop(279)}
    del fields[278]
    written = b"".join(tag.to_bytes(2, "little") + fields[tag] for tag in sorted(fields))
    return content[:start] + len(fields).to_bytes(2, "little") + written + bytes(4)


TOO_MUCH = dict(heads_that_promise_too_much())


@pytest.mark.fault("a small file took a gigabyte")
@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_head_that_promises_too_many_pixels_takes_no_memory(name):
    tracemalloc.start()
    begin = time.perf_counter()
    with pytest.raises(grey.Unusable):
        grey.read(TOO_MUCH[name], longest=1000)
    assert time.perf_counter() - begin < 5
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.fault("a small file took a gigabyte")
def test_a_progressive_jpeg_of_very_many_scans_is_refused():
    image = Image.effect_noise((3000, 3000), 50)
    content = file_of(image, "jpeg", progressive=True)
    last = content.rindex(b"\xff\xda")
    scan = content[last : content.rindex(b"\xff\xd9")]
    assert grey.read(content, longest=1000, draft=1000).shape[0] <= 1000
    with pytest.raises(grey.Unusable, match="progressive"):
        grey.read(content[:last] + scan[:40] * 400 + b"\xff\xd9", longest=1000, draft=1000)


@pytest.mark.fault("a small file took a gigabyte")
def test_a_thread_of_pixels_is_shrunk_along_its_length():
    thread = Image.fromarray(np.arange(100_000, dtype=np.uint32).astype(np.uint8)[:, None])
    assert grey.read(file_of(thread, "png"), longest=1000).shape == (1000, 1)


@pytest.mark.parametrize("what", ["nothing", "a folder", "huge"])
def test_a_file_that_cannot_be_read_is_told_from_a_broken_one(tmp_path, what):
    file = tmp_path / "one.png"
    if what == "a folder":
        file.mkdir()
    elif what == "huge":
        with file.open("wb") as sparse:
            sparse.truncate(grey.MOST_BYTES + 1)
    with pytest.raises(grey.Unusable, match={"nothing": "no longer there", "huge": "too large"}.get(what, "damaged")):
        grey.read(file)


@pytest.mark.fault("a decoder raised what was not caught")
@given(some.sampled_from(FILES), some.lists(some.tuples(some.floats(0, 1), some.binary(max_size=4)), max_size=8))
def test_bytes_that_were_changed_give_an_image_or_unusable(content, changes):
    changed = bytearray(content)
    for place, written in changes:
        at = int(place * len(changed))
        changed[at : at + len(written)] = written
    try:
        read = grey.read(bytes(changed), longest=50, draft=50, stretch=True)
    except grey.Unusable:
        return
    assert read.dtype == np.uint8
    assert read.ndim == 2
    assert 1 <= max(read.shape) <= 50


@pytest.mark.fault("a decoder raised what was not caught")
@given(some.sampled_from(FILES), some.floats(0, 1), some.binary(max_size=30))
def test_a_file_that_was_cut_gives_an_image_or_unusable(content, share, more):
    with contextlib.suppress(grey.Unusable):
        assert grey.read(content[: int(share * len(content))] + more).ndim == 2
