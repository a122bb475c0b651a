"""Laws of a folder of images: each becomes what a person sees in it, and what cannot be is refused by name."""

import contextlib
import errno
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from vae.images import folder
from vae.images.sources import load_dataset, load_test_split
from vae.images.tensors import DataError


def blob(width, height, seed=0, ink=255, ground=0):
    """A bright disc off the middle, (height, width) uint8."""
    rows, columns = np.mgrid[:height, :width]
    place = np.random.default_rng(seed).uniform(0.35, 0.65, 2)
    inside = np.hypot(columns / width - place[0], rows / height - place[1]) < 0.25
    return np.where(inside, ink, ground).astype(np.uint8)


@pytest.fixture
def pets(tmp_path):
    """Three classes of images of odd sizes, white on black, as a person would have them."""
    for name, suffix in (("cat", "png"), ("dog", "jpg"), ("emu 10", "bmp")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(12):
            image = blob(30 + 7 * i, 41 + 3 * i, seed=i)
            Image.fromarray(image).save(tmp_path / "pets" / name / f"{i}.{suffix}")
    (tmp_path / "pets" / "cat" / "notes.txt").write_text("no image", encoding="utf-8")
    (tmp_path / "pets" / ".hidden").mkdir()
    (tmp_path / "pets" / "readme.md").write_text("no folder", encoding="utf-8")
    return tmp_path / "pets"


def close(one, other, most=3):
    return np.abs(np.asarray(one, int) - np.asarray(other, int)).max() <= most


def test_classes_are_the_subfolders_and_no_image_is_in_both_parts(pets):
    data = load_dataset(str(pets))
    assert data.class_names == ("cat", "dog", "emu 10")
    assert data.train_labels.bincount().tolist() == [10, 10, 10]
    assert data.test_labels.bincount().tolist() == [2, 2, 2]
    files = folder.find(pets)
    assert len({*files.train, *files.test}) == 36
    images, labels, class_names = load_test_split(str(pets))
    assert torch.equal(images, data.test_images)
    assert torch.equal(labels, data.test_labels)
    assert class_names == data.class_names
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64


def test_the_parts_follow_from_the_names_alone(pets, tmp_path):
    pets.rename(tmp_path / "elsewhere")
    found = folder.find(tmp_path / "elsewhere")
    again = folder.find(tmp_path / "elsewhere")
    assert found == again
    names = [(file.name, label) for file, label in found.test]
    (tmp_path / "elsewhere").rename(pets)
    assert [(file.name, label) for file, label in folder.find(pets).test] == names


def test_names_with_numbers_are_in_their_order(tmp_path):
    for name in ("class10", "class2", "class1"):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.fromarray(blob(28, 28, i)).save(tmp_path / name / f"{i}.png")
    assert folder.find(tmp_path).class_names == ("class1", "class2", "class10")


def test_an_image_of_mnists_form_is_taken_as_it_is(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(image).save(tmp_path / "one.png")
    assert (folder.read_image(tmp_path / "one.png", inverted=False) == image).all()
    assert (folder.read_image(tmp_path / "one.png", inverted=True) == 255 - image).all()


def saved(tmp_path, image, name="one.png", **how):
    image.save(tmp_path / name, **how)
    return folder.read_image(tmp_path / name, inverted=False)


FORMS = {
    "RGB": lambda grey: Image.fromarray(grey).convert("RGB"),
    "palette": lambda grey: Image.fromarray(grey).convert("P"),
    "two levels": lambda grey: Image.fromarray(grey).convert("1"),
    "16 bits": lambda grey: Image.fromarray(grey.astype(np.uint16) * 257),
    "white on nothing": lambda grey: Image.merge("LA", [Image.new("L", grey.shape[::-1], 255), Image.fromarray(grey)]),
    "opaque": lambda grey: Image.fromarray(grey).convert("RGBA"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_is_the_same_in_every_form_of_file(tmp_path, form):
    grey = blob(50, 50)
    assert close(saved(tmp_path, FORMS[form](grey)), saved(tmp_path, Image.fromarray(grey), "plain.png"))


def test_black_strokes_on_nothing_are_seen_on_white(tmp_path):
    grey = blob(50, 50)
    strokes = Image.merge("LA", [Image.new("L", (50, 50), 0), Image.fromarray(grey)])
    assert close(saved(tmp_path, strokes), saved(tmp_path, Image.fromarray(255 - grey), "plain.png"))


def test_a_long_image_is_padded_with_its_ground_and_not_stretched(tmp_path):
    grey = np.full((20, 80), 40, np.uint8)
    grey[5:15, 5:75] = 200
    found = saved(tmp_path, Image.fromarray(grey))
    assert (found[:9] == 40).all()
    assert (found[-9:] == 40).all()
    assert found[14, 14] > 180


def test_shrinking_counts_every_pixel(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (280, 280), np.uint8)
    found = saved(tmp_path, Image.fromarray(grey))
    assert found.mean() == pytest.approx(grey.mean(), abs=1)
    assert found.std() < 12  # single pixels picked out would have the 74 of the whole


def test_a_photo_is_turned_upright_as_its_camera_noted(tmp_path):
    grey = np.zeros((40, 40), np.uint8)
    grey[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # half a turn
    found = saved(tmp_path, Image.fromarray(grey), "photo.jpg", exif=exif, quality=95)
    assert found[4, 14] < 20
    assert found[23, 14] > 235


def test_the_polarity_is_one_for_the_whole_folder(pets):
    assert not folder.lighter_ground(folder.find(pets))
    white_on_black = load_dataset(str(pets))
    for file in pets.glob("*/*.*"):
        if file.suffix in folder.SUFFIXES:
            image = Image.open(file).convert("L")
            Image.fromarray(255 - np.asarray(image)).save(file)
    odd = folder.find(pets).train[0][0]
    Image.fromarray(blob(33, 33)).save(odd)  # one that is white on black already is inverted with the others
    assert folder.lighter_ground(folder.find(pets))
    found = load_dataset(str(pets))
    assert close(found.train_images[1:], white_on_black.train_images[1:], 12)  # a JPEG was compressed twice
    assert found.train_images[0, 0, 0] == 255


def test_a_broken_image_is_named(pets):
    whole = io.BytesIO()
    Image.fromarray(blob(99, 99)).save(whole, "png")
    for content in (b"", b"not an image", whole.getvalue()[:-40]):
        (pets / "dog" / "3.jpg").write_bytes(content)
        with pytest.raises(DataError, match=r"dog/3\.jpg cannot be read as an image .*: replace it"):
            load_dataset(str(pets))


def test_a_thread_of_pixels_is_named(pets):
    Image.fromarray(np.zeros((2, 90), np.uint8)).save(pets / "cat" / "3.png")
    with pytest.raises(DataError, match=r"cat/3\.png .*90 x 2 pixels"):
        load_dataset(str(pets))


@pytest.mark.parametrize(("kept", "said"), [(0, "no images"), (1, "1 image "), (9, "9 images")])
def test_a_class_of_few_images_is_named(pets, kept, said):
    for file in sorted((pets / "dog").iterdir())[kept:]:
        file.unlink()
    with pytest.raises(DataError, match=rf"dog has {said}.*a class needs 10"):
        load_dataset(str(pets))


def test_the_folder_above_or_below_the_right_one_is_told_from_it(pets):
    with pytest.raises(DataError, match=r"pets has folders but no image"):
        load_dataset(str(pets.parent))
    with pytest.raises(DataError, match=r"cat must have 1 to 10 subfolders .* it has none"):
        load_dataset(str(pets / "cat"))


def test_more_classes_than_colours_are_refused(tmp_path):
    for i in range(11):
        (tmp_path / str(i)).mkdir()
    with pytest.raises(DataError, match="11 subfolders"):
        load_dataset(str(tmp_path))


def test_a_folder_too_large_to_hold_is_refused_before_it_is_read(pets, monkeypatch):
    monkeypatch.setattr(folder, "MOST_IMAGES", 30)
    with pytest.raises(DataError, match="36 images: leave 30"):
        load_dataset(str(pets))


@pytest.mark.fault("a folder left images out without a word")
def test_what_is_no_image_by_name_is_left_out_with_a_word(pets, capsys):
    (pets / "dog" / "phone.heic").write_bytes(b"")
    assert len(load_dataset(str(pets)).train_images) == 30
    assert "2 files are left out, no image by name (.heic, .txt)" in capsys.readouterr().err


@pytest.mark.fault("a folder left images out without a word")
def test_a_jpeg_is_an_image_under_each_of_its_endings(pets):
    for i, suffix in enumerate((".jfif", ".jpe", ".JPEG")):
        (pets / "dog" / f"{i}.jpg").rename(pets / "dog" / f"{i}{suffix}")
    assert len(load_dataset(str(pets)).train_images) == 30


@pytest.mark.fault("a file that was uploaded, or lay in a folder of images, ran as a program")
def test_postscript_in_a_folder_is_no_image(pets):
    (pets / "dog" / "3.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(DataError, match=r"dog/3\.jpg cannot be read as an image"):
        load_dataset(str(pets))


@pytest.mark.fault("what may not be read, or has an odd name, ended in a traceback")
@pytest.mark.parametrize("place", ["", "dog"])
def test_a_folder_that_may_not_be_read_is_named(pets, place, monkeypatch):
    forbidden, listed = pets / place, Path.iterdir

    def iterdir(folder):
        if folder == forbidden:
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)  # whoever runs the tests may be allowed everything
    with pytest.raises(DataError, match=rf"{forbidden.name} cannot be read \(Permission denied\)"):
        load_dataset(str(pets))


@pytest.mark.fault("what may not be read, or has an odd name, ended in a traceback")
@pytest.mark.parametrize("name", ["a\nb", "\udcff", "\x1b[31mred", " "])
def test_a_class_whose_name_cannot_be_shown_is_refused(pets, name):
    (pets / "dog").rename(pets / name)
    with pytest.raises(DataError, match="has a name that cannot be shown: rename its folder"):
        load_dataset(str(pets))


def png_of(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


PICTURES = [png_of(blob(width, height)) for width, height in ((28, 28), (1, 1), (3, 50), (200, 1), (90, 61))]
NAMES = some.text(some.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
CONTENTS = some.one_of(some.sampled_from(PICTURES), some.binary(max_size=60))
FILES = some.dictionaries(NAMES.flatmap(lambda name: some.sampled_from([f"{name}.png", f"{name}.gif", name])), CONTENTS)


@pytest.mark.fault("what may not be read, or has an odd name, ended in a traceback")
@given(some.dictionaries(NAMES, some.tuples(FILES, some.integers(0, 12)), max_size=4), some.binary(max_size=20))
def test_a_folder_of_anything_is_a_data_set_or_an_error_in_words(classes, beside):
    """Each class has files of any name and content, and a number of good images."""
    with TemporaryDirectory() as place:
        root = Path(place)
        (root / "notes.txt").write_bytes(beside)
        for name, (files, good) in classes.items():
            with contextlib.suppress(OSError):  # "..", a name too long, one that is there already
                (root / name).mkdir()
                for file, content in {**{f"{i}.png": PICTURES[0] for i in range(good)}, **files}.items():
                    (root / name / file).write_bytes(content)
        try:
            data = load_dataset(place)
        except DataError as error:
            refused = str(error)
            data = None
        if data is None:
            assert refused.isprintable()
            return
        assert len(data.train_images) >= 8
        assert data.train_images.shape[1:] == data.test_images.shape[1:] == (28, 28)
        assert 0 <= data.train_labels.min() <= data.train_labels.max() < len(data.class_names) <= 10
