"""The layers of the networks, as names and numbers: nothing here needs PyTorch.

    tutorial  784-512-E      and  D-512-K              ReLU
    small     784-128-E      and  D-128-K              ReLU
    deep      784-512-512-E  and  D-512-512-512-K      GELU (the exact one, with erf)
    fourier   784-512-512-E  and  D-512-512-512-K      GELU, but the decoder's first layer is a sine
    linear    784-E          and  D-K                  none; the outputs are the pixel means, not their logits

E is D outputs for an autoencoder and 2 D (mean, log_std) for a variational one; K is 784 logits, or 1568 with a sigma
per pixel. A conditional network has one more input for each class, the one-hot label, after the others. A model that
maximises log p(x) itself has no encoder.

A dense layer is activation(weight @ input + bias). Its weights have the names that PyTorch gives them in a row of
layers and activations: decoder.0.weight, decoder.0.bias, decoder.2.weight, ...
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from vae.config import TrainConfig

PIXELS = 28 * 28
DIGITS = tuple("0123456789")  # the classes of MNIST, and of a model whose record names none
CLASSES = len(DIGITS)
MOST_CLASSES = 10  # of any data set: everybody can tell ten colours apart, and hardly more

Part = Literal["encoder", "decoder"]

_HIDDEN: dict[str, dict[Part, tuple[int, ...]]] = {
    "tutorial": {"encoder": (512,), "decoder": (512,)},
    "small": {"encoder": (128,), "decoder": (128,)},
    "deep": {"encoder": (512, 512), "decoder": (512, 512, 512)},
    "fourier": {"encoder": (512, 512), "decoder": (512, 512, 512)},
    "linear": {"encoder": (), "decoder": ()},
}
_ACTIVATION = {"tutorial": "relu", "small": "relu", "deep": "gelu", "fourier": "gelu", "linear": "identity"}


class DenseLayer(NamedTuple):
    """activation(weight @ input + bias), where the activation is relu, gelu, sine, sigmoid or identity."""

    weight: Any  # (out, in), an array or a tensor
    bias: Any  # (out,)
    activation: str


def widths(config: TrainConfig, part: Part, classes: int = CLASSES) -> tuple[int, ...]:
    """The numbers of inputs, of values in each hidden layer, and of outputs.

    Args:
        config: of the model.
        part: encoder or decoder.
        classes: C, the number of classes of the data.
    """
    label = classes if config.conditional else 0
    if part == "encoder":
        ends = PIXELS + label, config.latent_dim * (2 if config.has_prior else 1)
    else:
        ends = config.latent_dim + label, PIXELS * (2 if config.likelihood == "gaussian-pixel" else 1)
    return ends[0], *_HIDDEN[config.network][part], ends[1]


def decoder_name(config: TrainConfig, classes: int = CLASSES) -> str:
    """The widths from the code, with the label of a CVAE, to the image, as "2-512-784".

    Args:
        config: of the model.
        classes: C, the number of classes of the data.
    """
    return "-".join(map(str, (*widths(config, "decoder", classes)[:-1], PIXELS)))


def activations(network: str, part: Part) -> list[str]:
    """The activations that follow each layer but the last.

    Args:
        network: a value of `TrainConfig.network`.
        part: encoder or decoder.
    """
    names = [_ACTIVATION[network]] * len(_HIDDEN[network][part])
    if network == "fourier" and part == "decoder":
        names[0] = "sine"
    return names


def mean_activation(network: str) -> str:
    """What makes pixel means of the decoder's outputs: the sigmoid, or under `linear` the identity."""
    return "identity" if network == "linear" else "sigmoid"


def shapes(config: TrainConfig, classes: int = CLASSES) -> dict[str, tuple[int, ...]]:
    """The shape of each weight of a model, by its name.

    Args:
        config: of the model.
        classes: C, the number of classes of the data.
    """
    weights: dict[str, tuple[int, ...]] = {"head.log_sigma": ()} if config.likelihood == "gaussian-shared" else {}
    parts: tuple[Part, ...] = ("encoder", "decoder") if config.has_encoder else ("decoder",)
    for part in parts:
        for rank, (inputs, outputs) in enumerate(pairwise(widths(config, part, classes))):
            weights |= {f"{part}.{2 * rank}.weight": (outputs, inputs), f"{part}.{2 * rank}.bias": (outputs,)}
    return weights


def dense_layers(weights: Mapping[str, Any], network: str, part: Part = "decoder") -> list[DenseLayer]:
    """The layers of a network, in order.

    Those of a decoder take a latent point (for a CVAE: the point, then the label) to the 784 pixel means: the last ends
    in `mean_activation`, and keeps only the rows of the means where the decoder gives a sigma per pixel as well. So
    anything that can multiply matrices can decode.

    Args:
        weights: arrays or tensors by the names that PyTorch gives them.
        network: a value of `TrainConfig.network`.
        part: encoder or decoder.
    """
    after = [*activations(network, part), "identity" if part == "encoder" else mean_activation(network)]
    named = ((f"{part}.{2 * rank}.weight", f"{part}.{2 * rank}.bias") for rank in range(len(after)))
    *layers, last = (DenseLayer(weights[w], weights[b], name) for (w, b), name in zip(named, after, strict=True))
    rows = len(last.bias) if part == "encoder" else PIXELS
    return [*layers, DenseLayer(last.weight[:rows], last.bias[:rows], last.activation)]
