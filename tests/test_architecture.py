"""What is said of the networks without PyTorch, held against the networks in PyTorch."""

import math

import numpy as np
import pytest

from vae.architecture import dense_layers, shapes
from vae.config import LINEAR_LIKELIHOODS, TrainConfig
from vae.models import build

ACTIVATIONS = {
    "relu": lambda a: np.maximum(a, 0),
    "gelu": lambda a: 0.5 * a * (1 + np.vectorize(math.erf)(a / math.sqrt(2))),
    "sine": np.sin,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "identity": lambda a: a,
}


NETWORKS = [
    (network, likelihood)
    for network in ("tutorial", "small", "deep", "fourier", "linear")
    for likelihood in ("gaussian", "gaussian-shared", "gaussian-pixel", "bernoulli-grey", "bernoulli")
    if network != "linear" or likelihood in LINEAR_LIKELIHOODS
]


@pytest.mark.parametrize(("network", "likelihood"), NETWORKS)
def test_the_dense_layers_alone_decode_as_the_model_does(kind, likelihood, network, z, y, device):
    model = build(TrainConfig(model=kind, likelihood=likelihood, network=network)).to(device).double()
    values = z.cpu().numpy()
    if model.conditional:
        values = np.concatenate([values, np.eye(10)[y.cpu().numpy()]], axis=1)
    for layer in dense_layers(model.state_dict(), network):
        values = ACTIVATIONS[layer.activation](values @ layer.weight.cpu().numpy().T + layer.bias.cpu().numpy())
    np.testing.assert_allclose(values.reshape(-1, 1, 28, 28), model.decode(z, y).detach().cpu().numpy(), rtol=1e-9)


@pytest.mark.parametrize(("network", "likelihood"), NETWORKS)
@pytest.mark.parametrize("classes", [3, 10])
def test_the_weights_have_the_shapes_that_are_told(kind, likelihood, network, classes):
    config = TrainConfig(model=kind, likelihood=likelihood, network=network, latent_dim=3)
    weights = build(config, classes).state_dict()
    assert shapes(config, classes) == {name: tuple(weight.shape) for name, weight in weights.items()}


def test_the_layers_of_an_encoder_end_in_its_outputs(x, y, kind):
    model, x, y = build(TrainConfig(model=kind, network="deep")).double(), x.cpu(), y.cpu()
    values = x.flatten(1).numpy()
    if model.conditional:
        values = np.concatenate([values, np.eye(10)[y.numpy()]], axis=1)
    for layer in dense_layers(model.state_dict(), "deep", "encoder"):
        values = ACTIVATIONS[layer.activation](values @ layer.weight.numpy().T + layer.bias.numpy())
    np.testing.assert_allclose(values[:, :2], model.encode(x, y).detach().numpy(), rtol=1e-9)
