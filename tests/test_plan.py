"""Laws of what is to be trained: the choices are those of the configuration, and what is told of it is so."""

import dataclasses

import pytest

from explorer import state
from explorer.state import ExplorerState
from explorer.trainings import plan
from vae.config import TrainConfig
from vae.images import sources
from vae.models import build

SETTINGS = [name for name in plan.SETTINGS if "limits" in state.FIELDS[f"train_{name}"].metadata]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_page_lets_through_the_configuration_takes(name):
    for value in state.limits(f"train_{name}"):
        assert getattr(TrainConfig(**{name: value}), name) == value


def test_the_page_offers_just_the_data_sets_that_have_a_name():
    assert set(state.DATASETS) == set(sources.SOURCES)


def test_every_choice_reaches_the_configuration():
    chosen = ExplorerState(
        train_model="cvae", train_network="deep", train_sigma=0.25, train_beta=2.0, train_kl="monte-carlo",
        train_latent_dim=3, train_epochs=7, train_batch_size=64, train_learning_rate=1e-3, train_seed=5,
        train_corruption=0.1, train_corruption_kind="flip",
    )  # fmt: skip
    assert plan.config_of(chosen) == TrainConfig(
        model="cvae", network="deep", sigma=0.25, beta=2.0, kl="monte-carlo", latent_dim=3, epochs=7, batch_size=64,
        learning_rate=1e-3, seed=5, corruption=0.1, corruption_kind="flip",
    )  # fmt: skip
    assert set(plan.SETTINGS) <= {field.name for field in dataclasses.fields(TrainConfig)}


def test_what_a_model_has_no_use_for_is_left_alone():
    idle = {"train_sigma": 0.1, "train_beta": 3.0, "train_kl": "monte-carlo", "train_corruption_kind": "flip"}
    autoencoder = plan.config_of(ExplorerState(train_model="ae", **idle))
    assert autoencoder == TrainConfig(model="ae", epochs=autoencoder.epochs)
    bernoulli = plan.config_of(ExplorerState(train_likelihood="bernoulli", **idle))
    assert (bernoulli.sigma, bernoulli.beta) == (TrainConfig.sigma, 3.0)


@pytest.mark.parametrize("network", state.choices("train_network"))
@pytest.mark.parametrize("model", state.choices("train_model"))
def test_the_plan_counts_what_is_built(model, network):
    likelihood = "gaussian-shared" if network == "linear" else "gaussian-pixel"
    config = TrainConfig(model=model, network=network, latent_dim=5, likelihood=likelihood, batch_size=512)
    ahead, built = plan.plan(config), build(config)
    assert ahead.parameters == sum(weight.numel() for weight in built.parameters())
    assert ahead.decoder.split("-")[0] == str(built.decoder[0].in_features)
    assert ahead.decoder.endswith("-784")
    assert 512 * (ahead.steps - 1) < 60_000 <= 512 * ahead.steps
