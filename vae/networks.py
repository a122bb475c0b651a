"""Encoder and decoder backbones: tensors to tensors, no probability.

    seed   784-512-E     and  D-512-K              ReLU
    deep   784-512-512-E and  D-512-512-512-K      GELU (the exact one, with erf)

E is D outputs for an autoencoder and 2 D (mean, log_std) for a variational one; K is 784 logits, or 1568 with a sigma
per pixel. A conditional network has ten more inputs, the label, after the others.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

PIXELS = 28 * 28
CLASSES = 10

_ENCODER = {"seed": (512,), "deep": (512, 512)}
_DECODER = {"seed": (512,), "deep": (512, 512, 512)}
_ACTIVATION = {"seed": nn.ReLU, "deep": nn.GELU}


def encoder(network: str, inputs: int, outputs: int) -> nn.Sequential:
    """The encoder of a named network, (B, inputs) -> (B, outputs)."""
    return _dense((inputs, *_ENCODER[network], outputs), _ACTIVATION[network])


def decoder(network: str, inputs: int, outputs: int) -> nn.Sequential:
    """The decoder of a named network, (B, inputs) -> (B, outputs)."""
    return _dense((inputs, *_DECODER[network], outputs), _ACTIVATION[network])


def _dense(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def initialise(network: nn.Sequential, generator: torch.Generator) -> None:
    """Draw weights and biases from U(-1/sqrt(inputs), 1/sqrt(inputs)), which is torch's own rule, from `generator`."""
    for layer in network:
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


class DenseLayer(NamedTuple):
    """activation(weight @ input + bias), with activation one of relu, gelu, sigmoid, identity."""

    weight: Tensor  # (out, in)
    bias: Tensor  # (out,)
    activation: str


def dense_layers(decoder: nn.Sequential) -> list[DenseLayer]:
    """The layers that take a latent point (for a CVAE: the point, then the label) to the 784 pixel means, in order.

    The last one ends in the sigmoid and keeps only the rows of the means where the decoder also gives a sigma per
    pixel, so that anything that can multiply matrices can decode.
    """
    names = {nn.ReLU: "relu", nn.GELU: "gelu", nn.Linear: "identity"}
    linear = [layer for layer in decoder if isinstance(layer, nn.Linear)]
    after = [names[type(layer)] for layer in decoder if not isinstance(layer, nn.Linear)]
    layers = [DenseLayer(a.weight.detach(), a.bias.detach(), name) for a, name in zip(linear, after, strict=False)]
    last = linear[-1]
    return [*layers, DenseLayer(last.weight.detach()[:PIXELS], last.bias.detach()[:PIXELS], "sigmoid")]
