"""Encoder and decoder backbones: tensors to tensors, no probability. Their layers are listed in `architecture`.

A dense network of two inputs is slow to learn what varies fast over the plane. A first layer of waves sin(W z + b),
whose W and b are learned like the rest, makes that easier. Each octave of wave numbers has the same number of waves:
the long waves order the plane as a whole, the short ones fill in the detail (Tancik et al., Fourier features let
networks learn high frequency functions in low dimensional domains, 2020; Sitzmann et al., Implicit neural
representations with periodic activation functions, 2020).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

WAVE_NUMBERS = (0.3, 24.0)  # the range of the first weights, in radians per unit of z


class Sine(nn.Module):
    """sin(x), element by element."""

    def forward(self, x: Tensor) -> Tensor:
        """sin(x), of the same shape."""
        return x.sin()


_LAYERS = {"relu": nn.ReLU, "gelu": nn.GELU, "sine": Sine}


def dense(widths: Sequence[int], activations: Sequence[str]) -> nn.Sequential:
    """Linear layers (B, widths[0]) -> (B, widths[-1]), each but the last followed by an activation.

    Args:
        widths: of the input, of each hidden layer, and of the output.
        activations: relu, gelu or sine, one after each hidden layer.
    """
    layers: list[nn.Module] = []
    for (inputs, outputs), name in zip(pairwise(widths), activations, strict=False):
        layers += [nn.Linear(inputs, outputs), _LAYERS[name]()]
    return nn.Sequential(*layers, nn.Linear(widths[-2], widths[-1]))


def initialise(network: nn.Sequential, rule: str, generator: torch.Generator) -> None:
    """Draw the first weights and biases of a network.

    torch   from U(-1/sqrt(inputs), 1/sqrt(inputs)), which is torch's own rule
    he      weights of variance 2/inputs, or 1/inputs where no activation follows, and biases 0: inputs of variance 1
            then have outputs of that order in any layer (He et al., Delving deep into rectifiers, 2015)

    Before a sine, the rows of weights have the directions of draws from N(0, I) and log-uniform lengths in
    WAVE_NUMBERS, and the biases, which are its phases, are from U(-pi, pi).

    Args:
        network: as `dense` gives it.
        rule: torch or he.
        generator: of the draws.
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
