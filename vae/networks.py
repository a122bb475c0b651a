"""Encoder and decoder backbones: tensors to tensors, no probability.

    seed      784-512-E      and  D-512-K              ReLU
    small     784-128-E      and  D-128-K              ReLU
    deep      784-512-512-E  and  D-512-512-512-K      GELU (the exact one, with erf)
    fourier   784-512-512-E  and  D-512-512-512-K      GELU, but the decoder's first layer is a sine

A dense network of two inputs learns slowly what varies fast over the plane. Waves sin(W z + b) as its first layer,
whose W and b are learned like the rest, take that burden off it. As many are drawn for each octave of wave numbers: the
long waves order the plane as a whole, the short ones fill it in (Tancik et al., Fourier features let networks learn
high frequency functions in low dimensional domains, 2020; Sitzmann et al., Implicit neural representations with
periodic activation functions, 2020).

E is D outputs for an autoencoder and 2 D (mean, log_std) for a variational one; K is 784 logits, or 1568 with a sigma
per pixel. A conditional network has as many more inputs as there are classes, the label, after the others.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

PIXELS = 28 * 28
CLASSES = 10  # of MNIST, and of a model that is told of no other set

WAVE_NUMBERS = (0.3, 24.0)  # the range they are drawn from, in radians a unit of z

_ENCODER = {"seed": (512,), "small": (128,), "deep": (512, 512), "fourier": (512, 512)}
_DECODER = {"seed": (512,), "small": (128,), "deep": (512, 512, 512), "fourier": (512, 512, 512)}
_ACTIVATION = {"seed": nn.ReLU, "small": nn.ReLU, "deep": nn.GELU, "fourier": nn.GELU}


class Sine(nn.Module):
    """sin(x), element by element."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


def encoder(network: str, inputs: int, outputs: int) -> nn.Sequential:
    """The encoder of a named network, (B, inputs) -> (B, outputs)."""
    return _dense((inputs, *_ENCODER[network], outputs), _ACTIVATION[network])


def decoder(network: str, inputs: int, outputs: int) -> nn.Sequential:
    """The decoder of a named network, (B, inputs) -> (B, outputs)."""
    layers = _dense((inputs, *_DECODER[network], outputs), _ACTIVATION[network])
    if network == "fourier":
        layers[1] = Sine()
    return layers


def _dense(sizes: tuple[int, ...], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return nn.Sequential(*layers[:-1])


def initialise(network: nn.Sequential, rule: str, generator: torch.Generator) -> None:
    """Draw weights and biases from `generator`.

    torch   from U(-1/sqrt(inputs), 1/sqrt(inputs)), which is torch's own rule
    he      weights of variance 2/inputs, where no activation follows 1/inputs, and biases 0: inputs of variance 1 then
            have outputs of that order, in whatever layer (He et al., Delving deep into rectifiers, 2015)

    Before a sine, the rows of weights have directions as those of N(0, I) and log-uniform lengths in WAVE_NUMBERS, and
    the biases, its phases, are from U(-pi, pi).
    """
    for layer, after in pairwise([*network, None]):
        if isinstance(layer, nn.Linear) and isinstance(after, Sine):
            nn.init.normal_(layer.weight, generator=generator)
            nn.init.uniform_(layer.bias, *map(math.log, WAVE_NUMBERS), generator=generator)
            with torch.no_grad():
                layer.weight *= (layer.bias.exp() / layer.weight.norm(dim=1))[:, None]
            nn.init.uniform_(layer.bias, -math.pi, math.pi, generator=generator)
        elif isinstance(layer, nn.Linear) and rule == "he":
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu" if after else "linear", generator=generator)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


class DenseLayer(NamedTuple):
    """activation(weight @ input + bias), with activation one of relu, gelu, sine, sigmoid, identity."""

    weight: Tensor  # (out, in)
    bias: Tensor  # (out,)
    activation: str


def dense_layers(decoder: nn.Sequential) -> list[DenseLayer]:
    """The layers that take a latent point (for a CVAE: the point, then the label) to the 784 pixel means, in order.

    The last one ends in the sigmoid and keeps only the rows of the means where the decoder also gives a sigma per
    pixel, so that anything that can multiply matrices can decode.
    """
    names = {nn.ReLU: "relu", nn.GELU: "gelu", Sine: "sine", nn.Linear: "identity"}
    linear = [layer for layer in decoder if isinstance(layer, nn.Linear)]
    after = [names[type(layer)] for layer in decoder if not isinstance(layer, nn.Linear)]
    layers = [DenseLayer(a.weight.detach(), a.bias.detach(), name) for a, name in zip(linear, after, strict=False)]
    last = linear[-1]
    return [*layers, DenseLayer(last.weight.detach()[:PIXELS], last.bias.detach()[:PIXELS], "sigmoid")]
