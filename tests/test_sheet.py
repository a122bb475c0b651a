"""Laws of the picture of MNIST's test images: what is in it is what is in the set, or it is refused."""

import pytest
import torch
from PIL import Image

from vae import datasets
from vae.images import grey, sheet, sources
from vae.images.tensors import DataError

PICTURE = sources.PICTURES["mnist"]


@pytest.mark.mnist
def test_the_one_that_comes_with_the_project_is_what_the_command_writes(mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: mnist)
    datasets.main(["--picture", str(tmp_path / "again.png")])
    for file in (PICTURE, tmp_path / "again.png"):
        split = sheet.read(file)
        assert torch.equal(split.images, mnist.test_images)
        assert torch.equal(split.labels, mnist.test_labels)


def test_without_the_set_the_test_images_are_the_picture_s(tmp_path):
    split = sources.load_test_split("mnist", tmp_path)
    assert split.images.shape == (10_000, 28, 28)
    assert split.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert sources.has_test_images("mnist", tmp_path)
    assert not sources.has_test_images("kmnist", tmp_path)


def test_the_set_itself_goes_before_the_picture(tmp_path, monkeypatch):
    """Where the four files are, whatever is in them is read and checked."""
    monkeypatch.setattr(sources, "is_here", lambda *_: True)
    with pytest.raises(DataError, match="is not in"):
        sources.load_test_split("mnist", tmp_path)


@pytest.mark.parametrize("change", ["a pixel", "a label", "a row less", "no picture", "another"])
def test_a_picture_of_anything_else_is_refused(change, tmp_path, monkeypatch):
    file, levels = tmp_path / "other.png", grey.read(PICTURE).copy()
    if change == "a pixel":
        levels[3, 77 * sheet.SIDE + 4] += 1
    if change == "a label":
        levels[-4, 77] = (levels[-4, 77] + 1) % 10
    if change == "a row less":
        levels = levels[sheet.SIDE :]
    Image.fromarray(levels).save(file, compress_level=1)
    if change == "no picture":
        file.write_bytes(b"no")
    if change == "another":
        Image.new("L", (30, 30)).save(file)
    assert (len(sheet.read(PICTURE).labels), grey.read(PICTURE)[-4, :3].tolist()) == (10_000, [7, 2, 1])
    monkeypatch.setattr(sources, "PICTURES", {"mnist": file})
    with pytest.raises(DataError, match=r"other\.png"):
        sources.load_test_split("mnist", tmp_path)
