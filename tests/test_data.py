"""Laws of the data set: what is trained on is MNIST, all of it, in the order the seed says."""

import urllib.error

import pytest
import torch

from vae import data
from vae.data import DataError, batches, binarize, load_mnist, split_validation, to_pixels


def test_the_flag_goes_before_the_environment_and_that_before_the_default(monkeypatch):
    monkeypatch.delenv("VAE_DATA_DIR", raising=False)
    assert str(data.data_dir()) == "data"
    monkeypatch.setenv("VAE_DATA_DIR", "elsewhere")
    assert str(data.data_dir()) == "elsewhere"
    assert str(data.data_dir("here")) == "here"


def test_absent_without_a_network_names_both_ways_out(tmp_path, monkeypatch):
    class Unreachable:
        @staticmethod
        def MNIST(*_, **__):
            raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(data, "_torchvision_datasets", lambda: Unreachable)
    for download in (True, False):
        with pytest.raises(DataError) as caught:
            load_mnist(tmp_path, download=download)
        for way in (str(tmp_path), "--data-dir", "VAE_DATA_DIR", "network"):
            assert way in str(caught.value)


def test_torchvision_is_there_to_download_with():
    assert callable(data._torchvision_datasets().MNIST)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x08\x01\x00\x00\xea\x60" + bytes(60_000)], ids=["empty", "wrong"])
def test_a_truncated_or_foreign_file_is_refused_by_name(tmp_path, content):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in data._FILES:
        (raw / name).write_bytes(content)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*delete it"):
        load_mnist(tmp_path)


def test_a_pass_gives_each_image_once_with_its_label_in_the_seeds_order(digits, device):
    def run(seed):
        generator = torch.Generator(device).manual_seed(seed)
        parts = list(batches(*digits.to(device)[:2], size=32, generator=generator))
        return torch.cat([x for x, _ in parts]), torch.cat([y for _, y in parts])

    images, labels = run(seed=1)
    assert torch.equal(images, run(seed=1)[0])
    assert not torch.equal(images, run(seed=2)[0])

    def keys(x, y):  # one row an image, in an order of its own
        return torch.cat([x.flatten(1), y[:, None]], dim=1).unique(dim=0, return_counts=True)

    expected = keys(to_pixels(digits.train_images), digits.train_labels)
    for found, known in zip(keys(images.cpu(), labels.cpu()), expected, strict=True):
        assert torch.equal(found, known)


def test_binary_pixels_are_black_or_white_and_grey_on_average(device, generator):
    grey = torch.linspace(0, 1, 784, device=device).reshape(1, 1, 28, 28)
    draws = binarize(grey.expand(4_000, 1, 28, 28), generator)
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert ((draws.mean(0) - grey[0]).abs() <= 5 * (grey * (1 - grey) / 4_000).sqrt()[0]).all()


def test_the_validation_part_and_the_rest_are_the_whole(digits, monkeypatch):
    monkeypatch.setattr(data, "VALIDATION_IMAGES", 40)
    rest, (images, labels) = split_validation(digits)
    assert len(images) == 40
    assert torch.equal(torch.cat([rest.train_images, images]), digits.train_images)
    assert torch.equal(torch.cat([rest.train_labels, labels]), digits.train_labels)


@pytest.mark.mnist
def test_the_real_set_has_its_known_counts(mnist):
    assert [len(part) for part in mnist] == [60_000, 60_000, 10_000, 10_000]
    assert mnist.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train_images.float().mean().item() == pytest.approx(33.318, abs=1e-3)
