"""The likelihood of a model as the browser computes it, of several pages."""

from explorer.browser import payloads
from explorer.cache.checkpoints import Opened
from explorer.quantities.bound import shared_sigma


def likelihood(model: Opened) -> payloads.Likelihood | None:
    """The likelihood of a model with a prior, or None where each pixel has its own sigma, which the browser has not."""
    config = model.checkpoint.config
    if not config.has_prior or config.likelihood == "gaussian-pixel":
        return None
    return payloads.Likelihood(
        bernoulli=config.likelihood.startswith("bernoulli"),
        sigma=shared_sigma(model.checkpoint),
        linear=config.network == "linear",
    )
