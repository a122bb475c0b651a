"""The command-line flags that the commands share."""

import argparse
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from vae.commands import WrongArgument, sentence
from vae.config import TrainConfig, current
from vae.storage.file_pair import expanded

if TYPE_CHECKING:
    import torch  # imported where it is needed, because the flags of a configuration do without


def add_config(parser: argparse.ArgumentParser) -> None:
    """One flag for each field of TrainConfig, with its help, unit and default."""
    hints = get_type_hints(TrainConfig)
    for setting in fields(TrainConfig):
        kind = hints[setting.name]
        unit = f", in {setting.metadata['unit']}" if setting.metadata["unit"] else ""
        default = f"{setting.default:.4g}" if kind is float else setting.default
        values: dict[str, Any] = {"help": f"{setting.metadata['help']}{unit} (default: {default})"}
        if kind is bool:
            values["action"] = "store_true"
        elif get_origin(kind) is Literal:
            values |= {
                "choices": get_args(kind),
                "default": setting.default,
                "type": partial(current, setting.name),
            }
        else:
            values |= {"type": kind, "default": setting.default, "metavar": kind.__name__.upper()}
        parser.add_argument("--" + setting.name.replace("_", "-"), **values)


def config_of(flags: argparse.Namespace) -> TrainConfig:
    """The configuration that the flags of `add_config` describe; raises WrongArgument for a value out of range."""
    try:
        return TrainConfig(**{setting.name: getattr(flags, setting.name) for setting in fields(TrainConfig)})
    except ValueError as error:
        raise WrongArgument(str(error)) from error


def arguments_of(config: TrainConfig) -> list[str]:
    """The flags that describe a configuration, without those at their defaults: `config_of` reads them back."""
    arguments = [f"--model={config.model}"]
    for setting in fields(TrainConfig):
        value, flag = getattr(config, setting.name), "--" + setting.name.replace("_", "-")
        if setting.name != "model" and value != setting.default:
            arguments.append(flag if isinstance(value, bool) else f"{flag}={value}")
    return arguments


def add_device(parser: argparse.ArgumentParser) -> None:
    """--device, by default the GPU where there is one."""
    import torch

    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", type=_device, default=default, help="cpu, cuda, cuda:1, ... (default: %(default)s)")


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """--data-dir, as `vae.images.sources.data_dir` takes it."""
    parser.add_argument("--data-dir", help="the folder of MNIST/raw and its like (default: VAE_DATA_DIR, else data)")


def add_folder(parser: argparse.ArgumentParser, default: str, help: str) -> None:
    """--folder, of the checkpoints.

    Args:
        parser: to which the flag is added.
        default: the folder if the flag is not given.
        help: what the folder is for.
    """
    parser.add_argument("--folder", type=expanded, default=Path(default), help=f"{help} (default: %(default)s)")


def _device(name: str) -> "torch.device":
    """The device of a name, if it can do what the commands need."""
    import torch

    try:
        draws = torch.randn(2, 2, generator=torch.Generator(name), device=name)
        (draws.double() @ draws.double()).sum().item()
        return draws.device
    except Exception as error:  # torch has many ways of saying that it cannot use a device
        raise argparse.ArgumentTypeError(f"{name!r} cannot be used here: {sentence(error)}") from error
