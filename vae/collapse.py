"""How many dimensions of its latent space a model uses.

A dimension along which all images have the same code tells nothing about them: it has collapsed. With s_1 >= ... >= s_D
the standard deviations of the codes along their principal axes,

    used = #{ d : s_d > least }

least = 0.1 for a model with a prior, which gives the codes their scale (a variance of 0.01, as in Burda, Grosse and
Salakhutdinov, Importance weighted autoencoders, 2016). The codes of an autoencoder have no scale but their own: there
least is a thousandth of s_1, or a hundred-thousandth of how far from 0 the codes are, if that is more.
"""

import numpy as np

LEAST_WITH_PRIOR = 0.1
LEAST_OF_LARGEST = 1e-3
LEAST_OF_MEAN = 1e-5


def used_dimensions(codes: np.ndarray, prior: bool) -> int:
    """In how many directions codes (N, D) vary, 0..D; `prior` says whether their model has a prior."""
    codes = codes.astype(np.float64)
    mean = codes.mean(axis=0)
    variances = np.linalg.eigvalsh((codes - mean).T @ (codes - mean) / len(codes))
    deviations = np.sqrt(np.maximum(variances, 0))
    own = max(LEAST_OF_LARGEST * deviations.max(), LEAST_OF_MEAN * np.linalg.norm(mean))
    return int((deviations > (LEAST_WITH_PRIOR if prior else own)).sum())
