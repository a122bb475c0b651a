"""What the models make of an image that is in no data set, as numbers: a checkpoint and an image in, plain values out.

code            the mean of q(z|x), or the mode of p(z|x) where codes are modes
p(y|x)          = p(x|y) / sum of p(x|y') over the classes: Bayes' rule with equally likely classes
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import Point, pair
from explorer.quantities import bound, decode
from explorer.quantities.bound import Gaussian
from vae.images.mnist_form import Form, form_of
from vae.images.tensors import to_pixels
from vae.inference.population_monte_carlo import PosteriorEstimate, estimate_posterior
from vae.models import VAE
from vae.storage.checkpoint import Checkpoint

POINTS_A_CLASS = 2_048  # of the prior; a class fills its plane with a tenth of what fills a plane without classes
SEED = 0


class OwnCode(NamedTuple):
    """Where an image lies in a plane."""

    code: Point
    q: Gaussian | None  # None for an autoencoder


class Classification(NamedTuple):
    """The class of an image by Bayes' rule, and its code given each class."""

    probabilities: tuple[float, ...]
    error_nats: float  # standard error of log p(x|y) of the likeliest class
    codes: tuple[Point, ...]


def as_image(pixels: bytes) -> np.ndarray:
    """784 grey levels as an image (28, 28) uint8."""
    return np.frombuffer(pixels, np.uint8).reshape(28, 28).copy()


def in_mnist_form(image: np.ndarray) -> Form:
    """An image (H, W) uint8 in MNIST's form; raises ValueError, with a sentence to show, if it has no ink."""
    try:
        return form_of(image)
    except ValueError as error:
        raise ValueError("This image is empty: nothing stands out from its paper. Take one with a digit.") from error


@torch.inference_mode()
def own_code(checkpoint: Checkpoint, image: np.ndarray, label: int = 0) -> OwnCode:
    """The code of an image, and the normal q about it.

    Where codes are modes, the mode of p(z|x) is estimated, and q is the best normal for the estimated posterior.

    Args:
        checkpoint: A model with a plane.
        image: (28, 28) uint8.
        label: The class that a conditional model is told.
    """
    x = to_pixels(torch.from_numpy(image)[None])
    y = decode.labels(checkpoint.model, label)
    if not checkpoint.config.codes_are_modes:
        q = decode.variational(checkpoint).posterior(x, y) if checkpoint.config.has_prior else None
        return OwnCode(_pair(checkpoint.model.encode(x, y)[0]), q and bound.gaussian(q.mean, q.stddev))
    model = decode.variational(checkpoint)
    posterior = estimate_posterior(model, x, _generator(), y)
    best = bound.best_gaussian(model, x, y, posterior)
    return OwnCode(_pair(posterior.mode), bound.gaussian(best.mean, best.log_std.exp()))


@torch.inference_mode()
def classify(checkpoint: Checkpoint, image: np.ndarray) -> Classification:
    """p(y|x) under a conditional model, with log p(x|y) estimated by `estimate_posterior`.

    Args:
        checkpoint: A conditional model.
        image: (28, 28) uint8.
    """
    model, x = decode.variational(checkpoint), to_pixels(torch.from_numpy(image)[None])
    labels = torch.arange(model.classes)
    posteriors = [_given(model, x, label) for label in labels]
    log_px = torch.tensor([posterior.log_px_nats for posterior in posteriors], dtype=torch.float64)
    if checkpoint.config.codes_are_modes:
        codes = [posterior.mode for posterior in posteriors]
    else:
        codes = model.encode(x.expand(len(labels), 1, 28, 28), labels)
    likeliest = posteriors[int(log_px.argmax())]
    return Classification(tuple(log_px.softmax(0).tolist()), likeliest.error_nats, tuple(map(_pair, codes)))


def _given(model: VAE, x: Tensor, label: Tensor) -> PosteriorEstimate:
    return estimate_posterior(model, x, _generator(), label[None], POINTS_A_CLASS)


def _pair(values: Tensor) -> Point:
    return pair(values.tolist())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
