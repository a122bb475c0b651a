"""What a model is called, and the line of facts under its map, in plain text."""

from collections.abc import Mapping
from typing import Any

from vae.architecture import decoder_name
from vae.collapse import used_dimensions
from vae.config import MNIST
from vae.storage.stored_checkpoint import Stored

NAMES = {
    "ae": "Autoencoder",
    "vae": "VAE",
    "cvae": "Conditional VAE",
    "vae-best": "Best VAE",
    "cvae-best": "Best conditional VAE",
    "ppca": "Probabilistic PCA",
}


def label(name: str) -> str:
    """A checkpoint's name as a person reads it."""
    return f"{NAMES[name]} ({name})" if name in NAMES else name


def facts(stored: Stored) -> str:
    """What a model with a plane is, and how it did on the test set, in one line."""
    if stored.config.has_encoder:
        shown = {"squared_error": ("error", ".1f", ""), "kl_nats": ("KL", ".2f", " nats")}
    else:  # it was trained on log p(x) itself; more does not fit beside two other maps
        shown = {"log_px_nats": ("log p(x)", ".1f", " nats")}
    shown |= {"knn5_accuracy": ("5-NN", ".1%", "")}
    data = [] if stored.config.dataset == MNIST else [_title(stored.config.dataset)]
    used = used_dimensions(stored.codes, stored.config.has_prior)
    if used < 2:
        data.append(f"collapsed: the codes use {used} of 2 dimensions")
    decoder = decoder_name(stored.config, len(stored.class_names))
    return " · ".join([*data, f"decoder {decoder}", *metrics_of(stored.record["test"], shown)])


def _title(dataset: str) -> str:
    from vae.images import sources  # and PyTorch with it

    return sources.title(dataset)


def metrics_of(test: Mapping[str, Any], shown: Mapping[str, tuple[str, str, str]]) -> list[str]:
    """The metrics of a record that are to be shown, in words.

    Args:
        test: The record's metrics.
        shown: The title, the format and the unit of each, by its name.
    """
    return [
        f"{title} {format(test[name], form).replace('-', '−')}{unit}"
        for name, (title, form, unit) in shown.items()
        if name in test
    ]
