"""The command that fetches a data set where it is absent, and checks it: `python -m vae.datasets`."""

import argparse
from pathlib import Path

from vae import commands
from vae.config import MNIST
from vae.flags import add_data_dir
from vae.images import sheet
from vae.images.sources import SOURCES, load_dataset, title
from vae.images.tensors import Split


def main(arguments: list[str] | None = None) -> None:
    """`python -m vae.datasets`: fetch a set where it is absent, and check it."""
    parser = commands.Parser(
        prog="python -m vae.datasets", description="Fetch a data set where it is absent, and check it."
    )
    parser.add_argument("--dataset", default=MNIST, help=f"{', '.join(SOURCES)}, or a folder (default: %(default)s)")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write MNIST's test images there, as one PNG")
    add_data_dir(parser)
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    if given.picture and given.dataset != MNIST:
        raise commands.WrongArgument(f"--picture is for {MNIST}, whose source and licence it names")
    data = load_dataset(given.dataset, given.data_dir)
    print(
        f"{title(given.dataset)} is whole: {len(data.train_images):,} training images, {len(data.test_images):,} test "
        f"images, {len(data.class_names)} classes ({', '.join(data.class_names)})"
    )
    if given.picture:
        sheet.write(given.picture, Split(data.test_images, data.test_labels))
        print(f"wrote {given.picture}")


if __name__ == "__main__":
    main()
