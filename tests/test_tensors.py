"""Laws of a set on its way through training: all of it, once a pass, in the order the seed says."""

import torch

from vae.images import tensors
from vae.images.tensors import batches, binarize, fingerprint, split_validation, to_pixels


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

    expected = keys(to_pixels(digits.train_images.to(device)).cpu(), digits.train_labels)
    for found, known in zip(keys(images.cpu(), labels.cpu()), expected, strict=True):
        assert torch.equal(found, known)


def test_binary_pixels_are_black_or_white_and_grey_on_average(device, generator):
    grey = torch.linspace(0, 1, 784, device=device).reshape(1, 1, 28, 28)
    draws = binarize(grey.expand(4_000, 1, 28, 28), generator)
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    assert ((draws.mean(0) - grey[0]).abs() <= 5 * (grey * (1 - grey) / 4_000).sqrt()[0]).all()


def test_the_validation_part_and_the_rest_are_the_whole(digits, monkeypatch):
    for most, held_out in ((30, 30), (5_000, 40)):  # of few images the last fifth
        monkeypatch.setattr(tensors, "VALIDATION_IMAGES", most)
        rest, (images, labels) = split_validation(digits)
        assert len(images) == held_out
        assert torch.equal(torch.cat([rest.train_images, images]), digits.train_images)
        assert torch.equal(torch.cat([rest.train_labels, labels]), digits.train_labels)


def test_a_fingerprint_tells_images_from_others_and_not_where_they_are(digits, device):
    images = digits.test_images
    assert fingerprint(images) == fingerprint(images.to(device))
    changed = images.clone()
    changed[3, 7, 7] ^= 1
    assert fingerprint(images) != fingerprint(changed)
    assert fingerprint(images) != fingerprint(images.flip(0))
