"""What is measured of any model with its networks alone: terms of the objective, codes, errors, neighbours.

All are means over a set of images, or of each image where that is said. With dynamic binarization they are of binary
images, which are drawn once from the seed. `exact_metrics` has what takes integrals over the latent space; `evaluate`
puts all of them into one table.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from vae import samples
from vae.config import TrainConfig
from vae.distributions import DiagonalNormal, squared_error
from vae.images.corruption import corrupt
from vae.images.tensors import binarize, to_pixels
from vae.models import CVAE, VAE, Model
from vae.objectives import Terms

SEED = 0
SAMPLES_PER_CLASS = 1_000  # for the class agreement
NOISE_SHARE = 0.25  # of the pixels, which are dropped before a noisy image is encoded
_BLOCK = 1_000  # images that go through a network together
_TREE_DIMENSIONS = 3  # up to which a tree finds neighbours a hundred times faster than all distances do


def likelihood_inputs(config: TrainConfig, images: Tensor, labels: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Blocks of images as the likelihood takes them: pixels (B, 1, 28, 28), grey or binary, and labels (B,).

    Args:
        config: of the model; its likelihood decides.
        images: (N, 28, 28) uint8.
        labels: (N,) int64.
    """
    generator = torch.Generator(images.device).manual_seed(SEED + 1)  # other draws than the noise of z
    for block, y in zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True):
        x = to_pixels(block)
        yield (binarize(x, generator) if config.likelihood == "bernoulli" else x), y


@torch.inference_mode()
def objective_terms(model: Model, config: TrainConfig, images: Tensor, labels: Tensor) -> list[Terms]:
    """The parts of the objective for each image, block by block; the noise comes from the same seed each time.

    Args:
        model: in eval mode or in training, which makes no difference.
        config: of the model.
        images: (N, 28, 28) uint8.
        labels: (N,) int64, which only a CVAE uses.
    """
    noise = torch.Generator(images.device).manual_seed(SEED)
    return [
        model.terms(x, one_hot(y, model.classes).float() if model.conditional else None, noise)
        for x, y in likelihood_inputs(config, images, labels)
    ]


@torch.no_grad()
def encode(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """The codes (N, D) of images, grey as they are.

    Args:
        model: any of the family.
        images: (N, 28, 28) uint8.
        labels: (N,) int64, which only a CVAE uses.
    """
    pairs = zip(images.split(_BLOCK), labels.split(_BLOCK), strict=True)
    return torch.cat([model.encode(to_pixels(block), y) for block, y in pairs])


@torch.no_grad()
def posteriors(model: VAE, config: TrainConfig, images: Tensor, labels: Tensor) -> DiagonalNormal:
    """q(z|x) of images as the likelihood takes them, over (N, D).

    Args:
        model: VAE or CVAE.
        config: of the model.
        images: (N, 28, 28) uint8.
        labels: (N,) int64, which only a CVAE uses.
    """
    blocks = [model.posterior(x, y) for x, y in likelihood_inputs(config, images, labels)]
    return DiagonalNormal(torch.cat([q.mean for q in blocks]), torch.cat([q.log_std for q in blocks]))


@torch.inference_mode()
def squared_error_at_code(model: Model, images: Tensor, labels: Tensor, codes: Tensor) -> Tensor:
    """The squared error between an image and what its code decodes to, summed over pixels, (N,).

    Args:
        model: any of the family.
        images: (N, 28, 28) uint8.
        labels: (N,) int64, which only a CVAE uses.
        codes: (N, D), as `encode` gives them.
    """
    blocks = zip(images.split(_BLOCK), labels.split(_BLOCK), codes.split(_BLOCK), strict=True)
    return torch.cat([squared_error(to_pixels(block), model.decode(z, y)) for block, y, z in blocks])


@torch.inference_mode()
def classifier_label(
    model: Model, image_classifier: Callable[[Tensor], Tensor], labels: Tensor, codes: Tensor
) -> Tensor:
    """The class that a classifier sees in what each code decodes to, (N,) uint8.

    Args:
        model: any of the family.
        image_classifier: images (B, 1, 28, 28) in [0, 1] to logits (B, C).
        labels: (N,) int64, which only a CVAE uses.
        codes: (N, D), as `encode` gives them.
    """
    blocks = zip(labels.split(_BLOCK), codes.split(_BLOCK), strict=True)
    seen = [image_classifier(model.decode(z, y).clamp(0, 1)).argmax(1) for y, z in blocks]
    return torch.cat(seen).to(torch.uint8)


def squared_error_from_noisy(model: Model, images: Tensor, labels: Tensor) -> float:
    """The squared error between an image and what the code of a noisy image of it decodes to, mean over images.

    `NOISE_SHARE` of the pixels are dropped, and the noise is the same for every model.

    Args:
        model: with an encoder.
        images: (N, 28, 28) uint8, clean.
        labels: (N,) int64, which only a CVAE uses.
    """
    noise = torch.Generator(images.device).manual_seed(SEED + 2)  # other draws than those above
    noisy = corrupt(images, NOISE_SHARE, "drop", noise)
    return squared_error_at_code(model, images, labels, encode(model, noisy, labels)).double().mean().item()


def nearest_labels(codes: Tensor, labels: Tensor, test_codes: Tensor, k: int) -> Tensor:
    """The labels (M, k) of the codes nearest to each test code, the nearest first.

    Args:
        codes: (N, D); distances are Euclidean.
        labels: (N,) of these codes.
        test_codes: (M, D).
        k: how many, of the N at most.
    """
    from scipy.spatial import KDTree  # takes a fifth of a second, for which no command should wait at its start

    k, codes = min(k, len(codes)), codes.double()
    if codes.shape[1] <= _TREE_DIMENSIONS:
        found = KDTree(codes.cpu()).query(test_codes.double().cpu(), k)[1]  # (M, k), or (M,) for k = 1
        return labels[torch.as_tensor(found, device=labels.device).view(-1, k)]
    blocks = test_codes.double().split(_BLOCK)
    return labels[torch.cat([torch.cdist(block, codes).topk(k, largest=False).indices for block in blocks])]


def knn_accuracy(nearest: Tensor, labels: Tensor) -> float:
    """The share of test images whose nearest codes vote for their label; a tie goes to the nearest voter.

    Args:
        nearest: (M, k) labels of the nearest codes, as `nearest_labels` gives them.
        labels: (M,) the true labels.
    """
    ranks = torch.arange(1, nearest.shape[1] + 1, device=nearest.device)
    weights = 1 + 0.1 * 0.5**ranks  # the excess decides ties only: it sums to less than 0.1
    votes = (one_hot(nearest) * weights[:, None]).sum(1)  # (M, C)
    return (votes.argmax(1) == labels).double().mean().item()


@torch.inference_mode()
def class_agreement(model: CVAE, image_classifier: Callable[[Tensor], Tensor]) -> float:
    """The share of samples in which a classifier sees the class that was asked for.

    A sample is the decoder's mean at z ~ N(0, I).

    Args:
        model: a conditional model.
        image_classifier: images (B, 1, 28, 28) in [0, 1] to logits (B, C).
    """
    asked = torch.arange(model.classes).repeat_interleave(SAMPLES_PER_CLASS)
    made = samples.from_prior(model, len(asked), torch.Generator().manual_seed(SEED), asked)
    seen = [image_classifier(block).argmax(1) for block in made.images.split(_BLOCK)]
    return (torch.cat(seen) == asked).double().mean().item()
