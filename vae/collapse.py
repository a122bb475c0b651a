"""The number of dimensions of its latent space that a model uses.

A dimension along which all images have the same code tells nothing about them: it has collapsed. If s_1 >= ... >= s_D
are the standard deviations of the codes along their principal axes,

    used = #{ d : s_d > least }

least = 0.1 for a model with a prior, which gives the codes their scale (a variance of 0.01, as in Burda, Grosse and
Salakhutdinov, Importance weighted autoencoders, 2016). The codes of an autoencoder have no scale but their own: there
least is a thousandth of s_1, or a hundred-thousandth of the distance of the codes from 0 if that is more.

Active units are the same along the axes of the latent space, and not along those of the codes:

    active = #{ d : variance of the codes along axis d > 0.01 }

The prior N(0, I) has no axes of its own, but a diagonal q has. `mutual_information` says how much codes tell, in nats.
"""

import numpy as np

LEAST_WITH_PRIOR = 0.1
LEAST_OF_LARGEST = 1e-3
LEAST_OF_MEAN = 1e-5


def active_units(codes: np.ndarray) -> int:
    """The number of axes of the latent space along which the codes (N, D) of a model with a prior vary, 0..D."""
    return int((codes.astype(np.float64).std(axis=0) > LEAST_WITH_PRIOR).sum())


def used_dimensions(codes: np.ndarray, prior: bool) -> int:
    """The number of directions in which codes vary, 0..D.

    Args:
        codes: (N, D).
        prior: whether their model has a prior.
    """
    codes = codes.astype(np.float64)
    mean = codes.mean(axis=0)
    variances = np.linalg.eigvalsh((codes - mean).T @ (codes - mean) / len(codes))
    deviations = np.sqrt(np.maximum(variances, 0))
    own = max(LEAST_OF_LARGEST * deviations.max(), LEAST_OF_MEAN * np.linalg.norm(mean))
    return int((deviations > (LEAST_WITH_PRIOR if prior else own)).sum())
