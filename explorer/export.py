"""`python -m explorer.export --out explorer.html`: the explorer as one file, which needs neither server nor network."""

import argparse
import logging
import sys
from pathlib import Path

from explorer.cache import checkpoints
from explorer.state import ExplorerState
from vae import commands, flags
from vae.commands import WrongArgument
from vae.storage import file_pair

MODELS = ("ae", "vae", "cvae", "vae-best", "ppca")  # of which those are packed that are there
MEGABYTE = 1e6
OUTSIDE = "streamlit.runtime.scriptrunner_utils.script_run_context"  # warns of each cache that is used outside an app


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = commands.Parser(prog="python -m explorer.export", description="Write the explorer as one HTML file.")
    parser.add_argument("--out", type=file_pair.expanded, default=Path("explorer.html"), help="the file to write")
    parser.add_argument("--models", nargs="+", metavar="NAME", help=f"by default {', '.join(MODELS)}")
    parser.add_argument("--pages", nargs="+", metavar="PAGE", help="by default all that the models allow but replay")
    parser.add_argument("--title", default="Latent Space Explorer", help="of the browser's tab")
    flags.add_data_dir(parser)
    commands.run(parser, _run, arguments)


def _run(given: argparse.Namespace) -> None:
    from explorer.views import single_file  # imports PyTorch

    logging.getLogger(OUTSIDE).setLevel(logging.ERROR)
    there = checkpoints.checkpoint_names()
    names = given.models or [name for name in MODELS if name in there]
    if unknown := [name for name in names if name not in there]:
        raise WrongArgument(f"there is no model {', '.join(unknown)}: choose among {', '.join(there)}")
    if not names:
        raise WrongArgument("none of the usual models is there: name some with --models")
    asked = given.pages or [page for page in single_file.PAGES if page != "replay"]
    if unknown := [page for page in asked if page not in single_file.PAGES]:
        raise WrongArgument(f"there is no page {', '.join(unknown)}: choose among {', '.join(single_file.PAGES)}")
    lacking = single_file.lacking(names, asked)
    for page, what in lacking.items():
        said = f"without the page {page}, which needs {what}"
        if given.pages:
            raise WrongArgument(f"no file {said}: add it, or leave the page out")
        _announce(said)
    contents = single_file.gather(
        names, [page for page in asked if page not in lacking], ExplorerState(), given.title, _announce
    )
    _announce("compressing")
    file = single_file.html(contents)
    given.out.write_bytes(file)
    for name, size in single_file.sizes(contents).items():
        print(f"  {name:24}{size / MEGABYTE:6.2f} MB")
    print(f"{given.out}: {len(file) / MEGABYTE:.1f} MB")


def _announce(what: str) -> None:
    print(f"packing: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
