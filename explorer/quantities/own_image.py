"""What the models make of an image that is in no data set, as numbers: a checkpoint and an image in, plain values out.

code            the mean of q(z|x), or the mode of p(z|x) where the encoder is not to be asked
p(y|x)          = p(x|y) / sum of p(x|y') over the classes: Bayes' rule, each class as likely as another before
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from explorer.extent import pair
from explorer.quantities import decode
from explorer.quantities.bound import Gaussian
from vae.images.mnist_form import Form, form_of
from vae.images.tensors import to_pixels
from vae.inference import inference_gap
from vae.inference.population_monte_carlo import PosteriorEstimate, estimate_posterior
from vae.inference.quadrature import Moments
from vae.models import VAE
from vae.storage.checkpoint import Checkpoint

POINTS_A_CLASS = 2_048  # of the lattice; a class fills its plane with a tenth of what fills a plane without classes
SEED = 0


class Reading(NamedTuple):
    """Where an image lies in a plane."""

    code: tuple[float, float]
    q: Gaussian | None  # None of an autoencoder


class Classes(NamedTuple):
    """The class of an image by Bayes' rule, and its code given each class."""

    probabilities: tuple[float, ...]
    error_nats: float  # standard error of log p(x|y) of the likeliest class
    codes: tuple[tuple[float, float], ...]


def as_image(pixels: bytes) -> np.ndarray:
    """784 grey levels as an image (28, 28) uint8."""
    return np.frombuffer(pixels, np.uint8).reshape(28, 28).copy()


def form(image: np.ndarray) -> Form:
    """An image (H, W) uint8 in MNIST's form; raises ValueError, with a sentence to show, if it has no ink."""
    try:
        return form_of(image)
    except ValueError as error:
        raise ValueError("This image is empty: nothing stands out from its paper. Take one with a digit.") from error


@torch.inference_mode()
def read(checkpoint: Checkpoint, image: np.ndarray, label: int | None = None) -> Reading:
    """The code of an image (28, 28) uint8, and q about it; `label` is the class that a conditional model is told.

    The mode of p(z|x) is that of `estimate_posterior`, and q then the best normal beside it.
    """
    model, x = checkpoint.model, to_pixels(torch.from_numpy(image)[None])
    y = decode.classes(label or 0, 1, model)
    if not checkpoint.config.codes_are_modes:
        q = decode.variational(checkpoint).posterior(x, y) if checkpoint.config.has_prior else None
        return Reading(_pair(model.encode(x, y)[0]), q and Gaussian(_pair(q.mean[0]), _pair(q.stddev[0])))
    model = decode.variational(checkpoint)
    found = estimate_posterior(model, x, _generator(), y)
    return Reading(_pair(found.mode), _best(model, x, y, found))


@torch.inference_mode()
def classes(checkpoint: Checkpoint, image: np.ndarray) -> Classes:
    """p(y|x) of an image (28, 28) uint8 under a conditional model, log p(x|y) estimated by `estimate_posterior`."""
    model, x = decode.variational(checkpoint), to_pixels(torch.from_numpy(image)[None])
    labels = torch.arange(model.classes)
    found = [estimate_posterior(model, x, _generator(), y, POINTS_A_CLASS) for y in labels[:, None]]
    log_px = torch.tensor([each.log_px_nats for each in found], dtype=torch.float64)
    if checkpoint.config.codes_are_modes:
        codes = [each.mode for each in found]
    else:
        codes = model.encode(x.expand(len(labels), 1, 28, 28), labels)
    likeliest = found[int(log_px.argmax())]
    return Classes(tuple(log_px.softmax(0).tolist()), likeliest.error_nats, tuple(map(_pair, codes)))


def _best(model: VAE, x: Tensor, y: Tensor | None, found: PosteriorEstimate) -> Gaussian:
    log_px = torch.tensor([found.log_px_nats], dtype=torch.float64)
    error = torch.tensor([found.error_nats], dtype=torch.float64)
    exact = Moments(found.mean[None], found.covariance[None], found.mode[None].double(), log_px, error)
    best = inference_gap.best_gaussian(model, x, y, exact)
    return Gaussian(_pair(best.mean[0]), _pair(best.log_std[0].exp()))


def _pair(values: Tensor) -> tuple[float, float]:
    return pair(values.tolist())


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
