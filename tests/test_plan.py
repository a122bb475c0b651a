"""Laws of what is to be trained: the choices are those of the configuration, and what is told of it is so."""

import dataclasses
from typing import get_args, get_type_hints

import pytest

from explorer import state
from explorer.state import ExplorerState
from explorer.trainings import plan
from vae.config import TrainConfig
from vae.models import build


@pytest.mark.parametrize(
    ("field", "offered"),
    [("model", state.KINDS), ("network", state.NETWORKS), ("likelihood", state.LIKELIHOODS), ("kl", state.KLS)],
)
def test_all_that_the_configuration_knows_is_offered(field, offered):
    assert get_args(get_type_hints(TrainConfig)[field]) == offered


@pytest.mark.parametrize("name", state.RANGES)
def test_what_the_page_lets_through_the_configuration_takes_and_no_more_than_that(name):
    least, most = state.RANGES[name]
    limits = TrainConfig.__dataclass_fields__[name].metadata["limits"]
    for value in (least, most):
        assert getattr(TrainConfig(**{name: value}), name) == value
    with pytest.raises(ValueError, match=f"{name} must be at most"):
        TrainConfig(**{name: 2 * limits["most"]})


def test_every_choice_reaches_the_configuration():
    chosen = ExplorerState(
        train_model="cvae", train_network="deep", train_sigma=0.25, train_beta=2.0, train_kl="monte-carlo",
        train_latent_dim=3, train_epochs=7, train_batch_size=64, train_learning_rate=1e-3, train_seed=5,
    )  # fmt: skip
    assert plan.config_of(chosen) == TrainConfig(
        model="cvae", network="deep", sigma=0.25, beta=2.0, kl="monte-carlo", latent_dim=3, epochs=7, batch_size=64,
        learning_rate=1e-3, seed=5,
    )  # fmt: skip
    assert set(plan.FIELDS) <= {field.name for field in dataclasses.fields(TrainConfig)}


def test_what_a_model_has_no_use_for_is_left_alone():
    idle = {"train_sigma": 0.1, "train_beta": 3.0, "train_kl": "monte-carlo"}
    autoencoder = plan.config_of(ExplorerState(train_model="ae", **idle))
    assert autoencoder == TrainConfig(model="ae", epochs=autoencoder.epochs)
    bernoulli = plan.config_of(ExplorerState(train_likelihood="bernoulli", **idle))
    assert (bernoulli.sigma, bernoulli.beta) == (TrainConfig.sigma, 3.0)


@pytest.mark.parametrize("network", state.NETWORKS)
@pytest.mark.parametrize("model", state.KINDS)
def test_the_plan_counts_what_is_built(model, network):
    config = TrainConfig(model=model, network=network, latent_dim=5, likelihood="gaussian-pixel", batch_size=512)
    ahead, built = plan.plan(config), build(config)
    assert ahead.parameters == sum(weight.numel() for weight in built.parameters())
    assert ahead.decoder.split("-")[0] == str(built.decoder[0].in_features)
    assert ahead.decoder.endswith("-784")
    assert 512 * (ahead.steps - 1) < 60_000 <= 512 * ahead.steps
