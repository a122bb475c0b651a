"""What the networks are made of, as names and numbers: nothing here needs PyTorch.

    tutorial  784-512-E      and  D-512-K              ReLU
    small     784-128-E      and  D-128-K              ReLU
    deep      784-512-512-E  and  D-512-512-512-K      GELU (the exact one, with erf)
    fourier   784-512-512-E  and  D-512-512-512-K      GELU, but the decoder's first layer is a sine

E is D outputs for an autoencoder and 2 D (mean, log_std) for a variational one; K is 784 logits, or 1568 with a sigma
per pixel. A conditional network has as many more inputs as there are classes, the label, after the others.

A dense layer is activation(weight @ input + bias). Its weights have the names that PyTorch gives them in a row of
layers and activations: decoder.0.weight, decoder.0.bias, decoder.2.weight, ...
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from vae.config import TrainConfig

PIXELS = 28 * 28
DIGITS = tuple("0123456789")  # the classes of MNIST, and of a model that is told of no other set
CLASSES = len(DIGITS)
MOST_CLASSES = 10  # of any data set: no more colours can be told apart by all eyes

Part = Literal["encoder", "decoder"]

_HIDDEN: dict[str, dict[Part, tuple[int, ...]]] = {
    "tutorial": {"encoder": (512,), "decoder": (512,)},
    "small": {"encoder": (128,), "decoder": (128,)},
    "deep": {"encoder": (512, 512), "decoder": (512, 512, 512)},
    "fourier": {"encoder": (512, 512), "decoder": (512, 512, 512)},
}
_ACTIVATION = {"tutorial": "relu", "small": "relu", "deep": "gelu", "fourier": "gelu"}


class DenseLayer(NamedTuple):
    """activation(weight @ input + bias), with activation one of relu, gelu, sine, sigmoid, identity."""

    weight: Any  # (out, in), an array or a tensor
    bias: Any  # (out,)
    activation: str


def widths(config: TrainConfig, part: Part, classes: int = CLASSES) -> tuple[int, ...]:
    """How many values come in, leave each layer, and come out."""
    label = classes if config.conditional else 0
    if part == "encoder":
        ends = PIXELS + label, config.latent_dim * (2 if config.has_prior else 1)
    else:
        ends = config.latent_dim + label, PIXELS * (2 if config.likelihood == "gaussian-pixel" else 1)
    return ends[0], *_HIDDEN[config.network][part], ends[1]


def decoder_name(config: TrainConfig, classes: int = CLASSES) -> str:
    """The widths from the code, and the label with it, to the image, as "2-512-784"."""
    return "-".join(map(str, (*widths(config, "decoder", classes)[:-1], PIXELS)))


def activations(network: str, part: Part) -> list[str]:
    """What follows each layer but the last."""
    names = [_ACTIVATION[network]] * len(_HIDDEN[network][part])
    if network == "fourier" and part == "decoder":
        names[0] = "sine"
    return names


def shapes(config: TrainConfig, classes: int = CLASSES) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a model, by its name."""
    found = {}
    for part in ("encoder", "decoder"):
        for rank, (inputs, outputs) in enumerate(pairwise(widths(config, part, classes))):
            found |= {f"{part}.{2 * rank}.weight": (outputs, inputs), f"{part}.{2 * rank}.bias": (outputs,)}
    return found | ({"head.log_sigma": ()} if config.likelihood == "gaussian-shared" else {})


def dense_layers(weights: Mapping[str, Any], network: str, part: Part = "decoder") -> list[DenseLayer]:
    """The layers of a named network, in order, from weights by their names.

    Those of a decoder take a latent point (for a CVAE: the point, then the label) to the 784 pixel means: the last ends
    in the sigmoid and keeps only the rows of the means where the decoder also gives a sigma per pixel. So anything that
    can multiply matrices can decode.
    """
    after = [*activations(network, part), "identity" if part == "encoder" else "sigmoid"]
    named = ((f"{part}.{2 * rank}.weight", f"{part}.{2 * rank}.bias") for rank in range(len(after)))
    *layers, last = (DenseLayer(weights[w], weights[b], name) for (w, b), name in zip(named, after, strict=True))
    rows = len(last.bias) if part == "encoder" else PIXELS
    return [*layers, DenseLayer(last.weight[:rows], last.bias[:rows], last.activation)]
