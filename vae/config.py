"""Everything that decides the result of a training run, in one frozen object.

Two runs with equal configurations on the same machine and device produce equal models. The command-line flags of
`python -m vae.train` are generated from the fields below, and the same object is stored in the checkpoint's JSON, from
which alone the model is rebuilt.
"""

import math
import reprlib
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

MNIST = "mnist"
LARGEST = 1e30  # of a setting: float32 holds it, and products with it
LINEAR_LIKELIHOODS = ("gaussian", "gaussian-shared")  # whose mean may be any number, and whose sigma is one
OLD_VALUES = {"network": {"seed": "tutorial"}}  # of a setting: what a value is called now, by its former name


def _setting(default: Any, help: str, unit: str = "", **limits: float) -> Any:
    """A field with a default; its limits are `least`, `above`, `most` and `below`."""
    return field(default=default, metadata={"help": help, "unit": unit, "limits": limits})


@dataclass(frozen=True)
class TrainConfig:
    """A training run; raises ValueError, which names the field, for a value of the wrong type or out of range."""

    dataset: str = _setting(
        MNIST, "mnist, fashion-mnist, kmnist, emnist-digits, or a folder with one subfolder of images for each class"
    )
    model: Literal["ae", "vae", "cvae"] = _setting("vae", "autoencoder, variational, or variational given the label")
    network: Literal["tutorial", "small", "deep", "fourier", "linear"] = _setting(
        "tutorial",
        "784-512-D and back; the same with 128; two and three layers; three that begin with waves of z; or one layer "
        "each way, whose outputs are the pixel means themselves",
    )
    latent_dim: int = _setting(2, "dimensions of the latent space, D", least=1, most=1_024)
    likelihood: Literal["gaussian", "gaussian-shared", "gaussian-pixel", "bernoulli-grey", "bernoulli"] = _setting(
        "gaussian",
        "p(x|z): sigma fixed, one learned for all pixels, or one decoded per pixel; Bernoulli on grey pixels (a "
        "pseudo-likelihood) or on pixels drawn black or white again in each batch",
    )
    sigma: float = _setting(
        math.sqrt(0.5), "standard deviation of the gaussian likelihood", "pixel range", above=0, most=1e4
    )
    beta: float = _setting(1.0, "weight of the KL term; 1 makes the objective the ELBO", least=0, most=LARGEST)
    objective: Literal["elbo", "importance", "exact"] = _setting(
        "elbo",
        "what is maximised: the ELBO, the importance-weighted bound, or log p(x), estimated from draws where "
        "a decoded lattice says that the posterior lies, for D <= 2",
    )
    samples: int = _setting(
        8,
        "draws of z for each image under the objectives importance and exact; with more of them either is less too low",
        least=1,
        most=1_000,
    )
    points: int = _setting(
        4_096,
        "cells of the lattice that tells the objective exact where posteriors lie, for a CVAE in each class",
        least=4,
        most=1_048_576,
    )
    refresh: int = _setting(1, "steps after which that lattice is decoded again", least=1, most=1_000_000)
    kl: Literal["closed", "monte-carlo"] = _setting("closed", "KL to the prior by formula, or at the sampled z")
    corruption: float = _setting(
        0.0,
        "share of the pixels that are changed, anew in each step, in the image that the encoder sees; the one that is "
        "to be reconstructed stays clean, as in a denoising autoencoder",
        least=0,
        below=1,
    )
    corruption_kind: Literal["drop", "flip"] = _setting("drop", "these pixels become 0, or 1 - x")
    epochs: int = _setting(60, "passes over the training images", least=1, most=1_000_000)
    batch_size: int = _setting(128, "images in a step", least=1, most=1_000_000)
    learning_rate: float = _setting(
        4e-3, "peak of Adam's step size: a short rise, then half a cosine to 0", above=0, most=LARGEST
    )
    weight_decay: float = _setting(
        0.0, "of AdamW: the share of itself that a weight loses, times the step size", least=0, most=LARGEST
    )
    adam_beta2: float = _setting(
        0.999,
        "of AdamW: the share of its mean of squared gradients that stays in a step; less suits a short run",
        least=0,
        below=1,
    )
    first_weights: Literal["torch", "he"] = _setting(
        "torch",
        "PyTorch's rule; or He's, for pixels from which the mean image is subtracted and which are divided by their "
        "deviation, with the mean image as the first that is decoded",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = _setting(
        "float32",
        "of the matrix products while training; tf32 is faster on a GPU, bfloat16 on a processor that multiplies it",
    )
    validation: bool = _setting(
        False, "hold out the last 5,000 training images, or a fifth of a small set, and report their metrics"
    )
    seed: int = _setting(0, "of the initial weights, the order of the images and all noise", least=0, most=2**63 - 1)

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for setting in fields(self):
            _check(setting.name, getattr(self, setting.name), hints[setting.name], **setting.metadata["limits"])
        if self.objective != "elbo" and (not self.has_prior or self.beta != 1):
            raise ValueError(f"objective {self.objective} needs a model with a prior, and beta 1")
        if self.objective == "exact" and self.latent_dim > 2:
            raise ValueError(f"objective exact needs latent_dim 1 or 2, got {self.latent_dim}")
        if self.corruption and not self.has_encoder:
            raise ValueError(f"corruption needs an encoder, which objective {self.objective} has not: choose another")
        if self.network == "linear" and self.likelihood not in LINEAR_LIKELIHOODS:
            known = " or ".join(LINEAR_LIKELIHOODS)
            raise ValueError(f"network linear needs likelihood {known}, got {self.likelihood}")

    @property
    def has_prior(self) -> bool:
        """Whether the model has a prior p(z), and with it a posterior and an ELBO: all but an autoencoder do."""
        return self.model != "ae"

    @property
    def conditional(self) -> bool:
        """Whether the model is given the label."""
        return self.model == "cvae"

    @property
    def has_encoder(self) -> bool:
        """Whether the model has an encoder; one that maximises log p(x) itself is its own, see `DecodedLattice`."""
        return self.objective != "exact"

    def to_dict(self) -> dict[str, Any]:
        """The configuration as JSON writes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "TrainConfig":
        """The configuration that `to_dict` wrote, even before a field was added or a value was renamed.

        A field that is missing takes its default, which is how a run was before there was a choice.

        Raises:
            ValueError: for values that no configuration has.
        """
        names = {setting.name for setting in fields(cls)}
        if not isinstance(values, dict) or not {"model", "network"} <= set(values) <= names:
            raise ValueError(f"a configuration must have no fields but {', '.join(sorted(names))}")
        return cls(**{name: current(name, value) for name, value in values.items()})


def current(name: str, value: Any) -> Any:
    """A value of a setting under its name of today: files and command lines may still have a former one.

    Args:
        name: of the setting.
        value: as it was written.
    """
    former = OLD_VALUES.get(name, {})
    return former.get(value, value) if isinstance(value, str) else value


def _check(
    name: str,
    value: Any,
    kind: Any,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> None:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{name} must be one of {', '.join(get_args(kind))}, got {value!r}")
        return
    if kind is str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{name} must be a word, got {value!r}")
        return
    accepted = (int, float) if kind is float else kind
    endless = isinstance(value, float) and not math.isfinite(value)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool) or endless:
        raise ValueError(f"{name} must be a finite {kind.__name__}, got {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {reprlib.repr(value)}")
    if value <= above:
        raise ValueError(f"{name} must be above {above}, got {reprlib.repr(value)}")
    if value > most:
        raise ValueError(f"{name} must be at most {most}, got {reprlib.repr(value)}")
    if value >= below:
        raise ValueError(f"{name} must be below {below}, got {value!r}")
