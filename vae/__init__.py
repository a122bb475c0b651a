"""Autoencoders with a latent space that can be looked at.

    prior       p(z)   = N(0, I)
    likelihood  p(x|z) = pixels around decoder(z)
    posterior   q(z|x) = N(mean(x), diag(std(x)^2)), from the encoder

    log p(x) = elbo(x) + KL(q(z|x) || p(z|x))  >=  elbo(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))

An AE keeps only the code and the likelihood; a VAE maximises the ELBO; a CVAE does so given the label. See `models` for
the family, `objectives` for the bound, `distributions` for the parts, `train` and `evaluate` for the commands. `load`
gives a trained model, `read` its codes and metrics too; `interpolation`, `geometry`, `quadrature` and `estimators` take
it on.
"""

import sys
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_MODULES = {
    "AE": "models",
    "CVAE": "models",
    "VAE": "models",
    "CheckpointError": "storage.file_pair",
    "TrainConfig": "config",
    "build": "models",
    "estimators": "inference.estimators",
    "geodesics": "geodesics",
    "geometry": "geometry",
    "interpolation": "interpolation",
    "load": "storage.checkpoint",
    "quadrature": "inference.quadrature",
    "read": "storage.checkpoint",
    "to_pixels": "images.tensors",
}  # where public names and modules are; they, and with them PyTorch, are imported when they are first asked for

__all__ = list(_MODULES)


if sys.argv[:1] == ["-m"]:  # what argv[0] is under `python -m vae.train` until Python has found that module
    import_module("vae.commands").expect_interrupts()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"vae.{_MODULES[name]}")
    return module if module.__name__.endswith(f".{name}") else getattr(module, name)
