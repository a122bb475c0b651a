"""The family: backbones and distributions put together.

    AE    z = encoder(x)                          p(x|z)      no posterior, no prior
    VAE   q(z|x) = N(mean, std^2) = encoder(x)    p(x|z)      p(z) = N(0, I)
    CVAE  q(z|x, y)                               p(x|z, y)   p(z) = N(0, I), the same for every label y

A VAE or CVAE of the objective `exact` has no encoder: its q(z|x) is read from its own decoder, see `DecodedLattice`.

x is (B, 1, 28, 28) in [0, 1] and z is (B, latent_dim). y is (B,) int64 in 0..C - 1, of the C classes of the data, ten
for MNIST; where a CVAE decodes, y may also be (B, C), a point of the class simplex (rows >= 0 that sum to 1). AE and
VAE take y and ignore it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from vae import networks, objectives
from vae.architecture import CLASSES, PIXELS, Part, activations, mean_activation, widths
from vae.config import TrainConfig
from vae.distributions import DiagonalNormal, PixelLikelihood, Pixels
from vae.inference.decoded_lattice import DecodedLattice

FEW_INPUTS = 64  # a layer with fewer multiplies in float32 always
LEAST_MEAN = 1e-3  # of a pixel of the first image that is decoded: at 0 its logit would be infinite


class LatentModel(nn.Module):
    """What the three models share: an encoder, unless `TrainConfig.has_encoder` denies it, a decoder and p(x|z).

    Args:
        config: decides the networks and the likelihood; the objective and the rest is for `vae.train`.
        classes: C, the number of classes of the data.
    """

    def __init__(self, config: TrainConfig, classes: int = CLASSES) -> None:
        super().__init__()
        self.config = config
        self.latent_dim = config.latent_dim
        self.classes = classes
        self.head = PixelLikelihood(config.likelihood, config.sigma, mean_activation(config.network))
        self.encoder = self._network("encoder") if config.has_encoder else None
        self.decoder = self._network("decoder")
        self._autocast = torch.float32

    def _network(self, part: Part) -> nn.Sequential:
        return networks.dense(widths(self.config, part, self.classes), activations(self.config.network, part))

    @property
    def has_prior(self) -> bool:
        """As `TrainConfig.has_prior`."""
        return self.config.has_prior

    @property
    def conditional(self) -> bool:
        """As `TrainConfig.conditional`."""
        return self.config.conditional

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The code of each image, (B, D).

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            y: (B,) int64 labels, for a CVAE.

        Raises:
            ValueError: for a wrong shape or label.
        """
        return self._codes(_images(x), self._labels(y))[..., : self.latent_dim]

    def likelihood(self, z: Tensor, y: Tensor | None = None) -> Pixels:
        """p(x|z) over images (B, 1, 28, 28).

        Args:
            z: (B, D).
            y: for a CVAE (B,) int64 labels, or (B, C) points of the class simplex.

        Raises:
            ValueError: for a wrong shape or label.
        """
        if z.ndim != 2 or z.shape[1] != self.latent_dim:
            raise ValueError(f"z must be (B, {self.latent_dim}), got {tuple(z.shape)}")
        return self.unchecked_likelihood(z, self._labels(y, fractional=True))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """The mean of p(x|z), (B, 1, 28, 28) in [0, 1]; the network `linear` may leave that range.

        Args:
            z: (B, D).
            y: for a CVAE (B,) int64 labels, or (B, C) points of the class simplex.

        Raises:
            ValueError: for a wrong shape or label.
        """
        return self.likelihood(z, y).mean

    def terms(
        self,
        x: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        kl: str = "closed",
        seen: Tensor | None = None,
    ) -> objectives.Terms:
        """The parts of the ELBO at one z for each image; of an autoencoder, those that it has.

        Nothing is checked here, so that no step waits for a GPU.

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
            generator: of the noise of z.
            kl: the KL to the prior by formula ("closed") or at the sampled z ("monte-carlo").
            seen: (B, 1, 28, 28) what the encoder sees, x unless it is given; the likelihood is that of x always.
        """
        raise NotImplementedError

    @contextmanager
    def autocast(self, dtype: torch.dtype) -> Iterator[None]:
        """In this context the networks multiply in `dtype`; their outputs, and all else, keep their type."""
        before, self._autocast = self._autocast, dtype
        try:
            yield
        finally:
            self._autocast = before

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Adapt first weights to images x (N, 1, 28, 28).

        What the encoder would make of (x - m) / s, it then makes of x, where m is the mean image and s^2 the mean over
        pixels of their variance. Where the decoder gave 0.5, or if it is linear 0, it then gives m.
        """
        m = x.flatten(1).mean(0)
        s = (x.flatten(1) - m).square().mean().sqrt().clamp(min=LEAST_MEAN)
        if self.encoder is not None:
            first = _linear(self.encoder[0])
            first.weight[:, :PIXELS] /= s
            first.bias.sub_(first.weight[:, :PIXELS] @ m)
        last = _linear(self.decoder[-1])
        if self.head.activation == "sigmoid":
            m = m.clamp(LEAST_MEAN, 1 - LEAST_MEAN).logit()
        last.bias[:PIXELS] += m

    def _codes(self, x: Tensor, labels: Tensor | None) -> Tensor:
        assert self.encoder is not None  # the callers have asked
        return self._outputs(self.encoder, _join(x.flatten(1), labels))

    def unchecked_likelihood(self, z: Tensor, labels: Tensor | None) -> Pixels:
        """As `likelihood`, but nothing is checked, so that no step waits for a GPU.

        Args:
            z: (B, D).
            labels: (B, C) points of the class simplex for a CVAE, else None.
        """
        return self.head(self._outputs(self.decoder, _join(z, labels)))

    def _outputs(self, network: nn.Sequential, inputs: Tensor) -> Tensor:
        if self._autocast == torch.float32:
            return network(inputs)
        outputs = inputs
        for layer in network:
            # Few inputs cost little, and a point of the plane, or the phase of a wave, needs all its digits.
            exact = isinstance(layer, nn.Linear) and layer.in_features < FEW_INPUTS
            with torch.autocast(inputs.device.type, self._autocast, enabled=not exact):
                outputs = layer(outputs)
        return outputs.to(inputs.dtype)

    def _labels(self, y: Tensor | None, fractional: bool = False) -> Tensor | None:
        """The labels as inputs of a network, (B, C); None for a model that takes none."""
        return None


class AE(LatentModel):
    """Autoencoder: one code for an image, and no distribution of the codes."""

    def terms(
        self,
        x: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        kl: str = "closed",
        seen: Tensor | None = None,
    ) -> objectives.Terms:
        """log p(x|z) at z = encoder(x), which draws nothing; arguments as of `LatentModel.terms`.

        With the fixed sigma 1/sqrt(2) that is minus the squared error, less a constant.
        """
        z = self._codes(x if seen is None else seen, labels)
        return objectives.terms(x, self.unchecked_likelihood(z, labels), kl=None)


class VAE(LatentModel):
    """Variational autoencoder (Kingma and Welling, Auto-encoding variational Bayes, 2013).

    Args:
        config: as of `LatentModel`.
        classes: C, the number of classes of the data.
    """

    def __init__(self, config: TrainConfig, classes: int = CLASSES) -> None:
        super().__init__(config, classes)
        self._lattice: tuple[Any, DecodedLattice] | None = None  # and the weights that it is of

    def encode(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The code of each image, (B, D): the mean of q(z|x); arguments as of `posterior`."""
        return self.posterior(x, y).mean

    def posterior(self, x: Tensor, y: Tensor | None = None) -> DiagonalNormal:
        """q(z|x) over (B, D).

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            y: (B,) int64 labels, for a CVAE.

        Raises:
            ValueError: for a wrong shape or label.
        """
        return self.unchecked_posterior(_images(x), self._labels(y))

    def prior(self) -> DiagonalNormal:
        """p(z) = N(0, I) over (D,)."""
        return DiagonalNormal.standard(next(self.decoder.parameters()).new_zeros(self.latent_dim))

    def terms(
        self,
        x: Tensor,
        labels: Tensor | None,
        generator: torch.Generator,
        kl: str = "closed",
        seen: Tensor | None = None,
    ) -> objectives.Terms:
        """The parts of the ELBO at one z ~ q(z|x) for each image; arguments as of `LatentModel.terms`.

        They are unbiased for the ELBO, and so low for log p(x) on average.
        """
        posterior = self.unchecked_posterior(x if seen is None else seen, labels)
        z = posterior.rsample(generator=generator)
        if kl == "closed":
            divergence = objectives.kl_closed_form(posterior)
        else:
            divergence = objectives.kl_monte_carlo(posterior, self.prior(), z)
        return objectives.terms(x, self.unchecked_likelihood(z, labels), divergence)

    def importance_terms(
        self, x: Tensor, labels: Tensor | None, samples: int, generator: torch.Generator, seen: Tensor | None = None
    ) -> objectives.Terms:
        """The importance-weighted bound of each image, low for log p(x) on average.

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
            samples: K, draws of z for each image.
            generator: of these draws.
            seen: as of `LatentModel.terms`.
        """
        posterior = self.unchecked_posterior(x if seen is None else seen, labels)
        z = posterior.rsample((samples,), generator=generator)  # (K, B, D)
        bound = objectives.importance_bound(self.log_weights(x, labels, z, posterior.log_prob(z)))
        return objectives.Terms(log_px=bound)

    def log_weights(self, x: Tensor, labels: Tensor | None, z: Tensor, log_proposal: Tensor) -> Tensor:
        """log p(x, z_k) / r(z_k) in nats, (K, B), at points of a proposal r: the mean of the weights estimates p(x).

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
            z: (K, B, D) drawn from r.
            log_proposal: (K, B) log r there.
        """
        repeated = None if labels is None else labels.repeat(len(z), 1)
        outputs = self.unchecked_likelihood(z.flatten(0, 1), repeated)
        log_likelihood = outputs.log_prob(x.repeat(len(z), 1, 1, 1)).view(len(z), -1)  # (K, B)
        return log_likelihood + self.prior().log_prob(z) - log_proposal

    def unchecked_posterior(self, x: Tensor, labels: Tensor | None) -> DiagonalNormal:
        """As `posterior`, but nothing is checked, so that no step waits for a GPU.

        Args:
            x: (B, 1, 28, 28) in [0, 1].
            labels: (B, C) one-hot for a CVAE, else None.
        """
        if self.encoder is None:
            return self.lattice().posterior(x, None if labels is None else labels.argmax(1))
        mean, log_std = self._codes(x, labels).chunk(2, dim=-1)
        return DiagonalNormal(mean, log_std)

    def lattice(self) -> DecodedLattice:
        """The plane decoded once, until a weight changes; `DecodedLattice` says how much memory it takes."""
        weights = [(weight.dtype, weight.data_ptr(), weight._version) for weight in self.parameters()]
        if self._lattice is None or self._lattice[0] != weights:
            self._lattice = weights, DecodedLattice(self)
        return self._lattice[1]


class CVAE(VAE):
    """VAE whose encoder and decoder are given the label (Sohn, Lee and Yan, Learning structured output, 2015)."""

    def _labels(self, y: Tensor | None, fractional: bool = False) -> Tensor:
        dtype = next(self.decoder.parameters()).dtype
        if y is None:
            raise ValueError(f"a CVAE needs y, the label of each image: (B,) int64 in 0..{self.classes - 1}")
        if fractional and y.ndim == 2 and y.is_floating_point():
            _check_simplex(y, self.classes)
            return y.to(dtype)
        if y.ndim != 1 or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
            raise ValueError(f"y must be (B,) int64 in 0..{self.classes - 1}, got {tuple(y.shape)} {y.dtype}")
        if len(y) and not 0 <= int(y.min()) <= int(y.max()) < self.classes:
            raise ValueError(f"y must be in 0..{self.classes - 1}, got {int(y.min())}..{int(y.max())}")
        return one_hot(y.long(), self.classes).to(dtype)


Model = AE | VAE | CVAE


def build(config: TrainConfig, classes: int = CLASSES) -> Model:
    """The model of a configuration, on the CPU, with the first weights that its seed gives.

    Args:
        config: what is built.
        classes: C, the number of classes of the data.
    """
    model = build_empty(config, classes).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(config.seed)
    for network in filter(None, (model.encoder, model.decoder)):
        networks.initialise(network, config.first_weights, generator)
    model.head.reset_parameters()
    return model


def build_empty(config: TrainConfig, classes: int = CLASSES) -> Model:
    """The model without memory for its weights, to be filled by `load_state_dict(..., assign=True)`.

    Args:
        config: what is built.
        classes: C, the number of classes of the data.
    """
    with torch.device("meta"):
        return {"ae": AE, "vae": VAE, "cvae": CVAE}[config.model](config, classes)


def _linear(layer: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)  # `networks.dense` begins and ends with one
    return layer


def _join(inputs: Tensor, labels: Tensor | None) -> Tensor:
    if labels is None:
        return inputs
    if len(labels) != len(inputs):
        raise ValueError(f"y must have as many rows as there are images or points, {len(inputs)}, got {len(labels)}")
    return torch.cat([inputs, labels], dim=1)


def _images(x: Tensor) -> Tensor:
    if x.shape[1:] != (1, 28, 28):
        raise ValueError(f"x must be (B, 1, 28, 28), got {tuple(x.shape)}")
    return x


def _check_simplex(y: Tensor, classes: int) -> None:
    if y.shape[1] != classes:
        raise ValueError(f"y must be (B,) int64 or (B, {classes}) on the simplex, got {tuple(y.shape)}")
    if not (bool((y >= 0).all()) and torch.allclose(y.sum(1), y.new_ones(()), atol=1e-4)):
        raise ValueError("each row of y must be >= 0 and sum to 1")
