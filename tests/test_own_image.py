"""Laws of what is found of an image that is in no data set."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from explorer.quantities import own_image
from vae.images.tensors import to_pixels
from vae.inference import quadrature
from vae.storage.checkpoint import read

pytestmark = pytest.mark.mnist


@pytest.mark.parametrize("name", ["ae", "vae", "cvae", "vae-best"])
def test_an_image_of_the_test_set_is_read_as_its_code(mnist, name):
    checkpoint = read(f"checkpoints/{name}")
    for index in (3, 18):
        found = own_image.own_code(checkpoint, mnist.test_images[index].numpy(), int(mnist.test_labels[index]))
        assert found.code == pytest.approx(checkpoint.codes[index].tolist(), abs=2e-3)
        assert (found.q is None) == (name == "ae")
        assert not found.q or found.q.mean == found.code


def test_the_class_is_that_of_bayes_rule(mnist):
    """Against the exact log p(x|y), which takes ten times as long."""
    checkpoint = read("checkpoints/cvae")
    image = mnist.test_images[8].numpy()  # a 5 that might be a 9
    found = own_image.classify(checkpoint, image)
    x = to_pixels(torch.from_numpy(image)[None]).expand(10, 1, 28, 28)
    exact = quadrature.log_evidence(checkpoint.model, x, torch.arange(10)).log_px_nats.softmax(0)
    assert found.probabilities == pytest.approx(exact.tolist(), abs=found.error_nats + 0.01)
    assert found.error_nats < 0.1
    codes = checkpoint.model.encode(x, torch.arange(10))
    assert np.array(own_image.codes_given_classes(checkpoint, image)) == pytest.approx(codes.numpy(), abs=1e-5)


@pytest.mark.fault("junk in an address or from a browser reached a page")
@pytest.mark.parametrize("name", ["ae", "cvae", "family/sigma-30", "vae-best"])
@settings(max_examples=4)
@given(pixels=some.binary(min_size=784, max_size=784) | some.integers(0, 255).map(lambda grey: bytes([grey]) * 784))
def test_whatever_is_drawn_has_a_place_in_every_plane(name, pixels):
    checkpoint, image = read(f"checkpoints/{name}"), own_image.as_image(pixels)
    found = own_image.own_code(checkpoint, image, 3)
    assert np.isfinite(found.code).all()
    if found.q:
        assert np.isfinite([*found.q.mean, *found.q.std]).all()
    if checkpoint.model.conditional:
        classes = own_image.classify(checkpoint, image)
        assert sum(classes.probabilities) == pytest.approx(1)
        assert np.isfinite(own_image.codes_given_classes(checkpoint, image)).all()
