"""The command that fetches a data set where it is absent, and checks it: `python -m vae.datasets`."""

import argparse

from vae import commands
from vae.config import MNIST
from vae.flags import add_data_dir
from vae.images.sources import SOURCES, load_dataset, title


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.datasets`: fetch a set where it is absent, and check it."""
    parser = commands.Parser(
        prog="python -m vae.datasets", description="Fetch a data set where it is absent, and check it."
    )
    parser.add_argument("--dataset", default=MNIST, help=f"{', '.join(SOURCES)}, or a folder (default: %(default)s)")
    add_data_dir(parser)
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    data = load_dataset(given.dataset, given.data_dir)
    print(
        f"{title(given.dataset)} is whole: {len(data.train_images):,} training images, {len(data.test_images):,} test "
        f"images, {len(data.class_names)} classes ({', '.join(data.class_names)})"
    )


if __name__ == "__main__":
    main()
