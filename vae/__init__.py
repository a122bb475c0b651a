"""Autoencoders whose latent space can be seen.

    prior       p(z)   = N(0, I)
    likelihood  p(x|z) = pixels around decoder(z)
    posterior   q(z|x) = N(mean(x), diag(std(x)^2)), from the encoder

    log p(x) = elbo(x) + KL(q(z|x) || p(z|x))  >=  elbo(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))

An AE has only the code and the likelihood; a VAE maximises the ELBO; a CVAE does so given the label. See `models` for
the family, `objectives` for the bound, `distributions` for the parts, `train` and `evaluate` for the commands. `load`
gives a trained model, `read` its codes and metrics as well; `samples`, `interpolation`, `geometry`, `quadrature`,
`estimators`, `gradient_estimators` and `DecodedLattice` work on such a model. Of the linear one `ppca` has closed
forms. `show` and `explore` draw maps in a notebook: they are the app's, and its folder `explorer` must lie beside this.
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
    "DecodedLattice": "inference.decoded_lattice",
    "TrainConfig": "config",
    "build": "models",
    "estimators": "inference.estimators",
    "geodesics": "geodesics",
    "geometry": "geometry",
    "gradient_estimators": "inference.gradient_estimators",
    "interpolation": "interpolation",
    "load": "storage.checkpoint",
    "nearness": "nearness",
    "ppca": "ppca",
    "quadrature": "inference.quadrature",
    "read": "storage.checkpoint",
    "samples": "samples",
    "to_pixels": "images.tensors",
}  # the module of each public name; it, and PyTorch with it, is imported when the name is first used

_OF_THE_APP = ("explore", "show")

__all__ = [*_MODULES, *_OF_THE_APP]  # pyright: ignore[reportUnsupportedDunderAll]  # it is the list of what `__getattr__` imports


if sys.argv[:1] == ["-m"]:  # argv[0] has this value under `python -m vae.train` until Python has found the module
    import_module("vae.commands").expect_interrupts()


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _OF_THE_APP:
        return getattr(_app(), name)
    module = import_module(f"vae.{_MODULES[name]}")
    return module if module.__name__.endswith(f".{name}") else getattr(module, name)


def _app() -> Any:
    """The only place in which this package knows the app, and only once it is asked for it."""
    try:
        from explorer import notebooks
    except ModuleNotFoundError as error:
        if error.name != "explorer":
            raise
        raise ImportError("vae.show and vae.explore are the app's: put its folder, explorer, beside vae.") from None
    return notebooks
