"""A training before it begins: a visitor's choices as a configuration, and what that costs."""

from typing import NamedTuple

from explorer.state import DATASETS, FIELDS, ExplorerState
from vae.architecture import decoder_name
from vae.config import TrainConfig
from vae.images import sources
from vae.models import build_empty

PREFIX = "train_"  # of the fields of the state that are fields of the configuration
SETTINGS = tuple(name.removeprefix(PREFIX) for name in FIELDS if name.startswith(PREFIX))
VARIATIONAL = ("beta", "kl")  # settings that an autoencoder does not use
TITLES = {name: sources.title(name) for name in DATASETS}


class Plan(NamedTuple):
    """What a training costs."""

    decoder: str  # the widths of its layers, as "2-512-784"
    parameters: int
    steps: int  # in one epoch
    megabytes: int  # of images that are to be fetched first


def config_of(state: ExplorerState) -> TrainConfig:
    """The configuration that is chosen; a setting that makes no difference to it keeps its default."""
    chosen = {name: getattr(state, PREFIX + name) for name in SETTINGS}
    idle = [*(() if has_prior(state) else VARIATIONAL), *(() if has_sigma(state) else ("sigma",))]
    idle += () if state.train_corruption else ("corruption_kind",)
    return TrainConfig(**{name: value for name, value in chosen.items() if name not in idle})


def has_prior(state: ExplorerState) -> bool:
    """Whether the model that is chosen has a prior, and so a KL."""
    return TrainConfig(model=state.train_model).has_prior  # pyright: ignore[reportArgumentType]  # one of its choices


def has_sigma(state: ExplorerState) -> bool:
    """Whether sigma makes a difference: the likelihood is a fixed Gaussian, and there is a KL beside it."""
    return state.train_likelihood == "gaussian" and has_prior(state)


def plan(config: TrainConfig) -> Plan:
    """What the training of a configuration costs."""
    model, source = build_empty(config), sources.SOURCES[config.dataset]
    megabytes = 0 if sources.is_here(config.dataset) else source.megabytes
    parameters = sum(weight.numel() for weight in model.parameters())
    return Plan(decoder_name(config), parameters, -(-source.counts[0] // config.batch_size), megabytes)
