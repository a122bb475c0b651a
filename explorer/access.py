"""Whether visitors may change anything on the server.

A training takes hours of the machine's time, a deletion removes what all visitors use, and a data set fills the disk.
On a server that only its own machine can reach, all of that is allowed. On one that others can reach, none of it is,
unless the owner says so:

    EXPLORER_READ_ONLY=1    nobody can train, stop, delete or download anything
    EXPLORER_READ_ONLY=0    everybody can
"""

import os
from ipaddress import ip_address

READ_ONLY = "EXPLORER_READ_ONLY"
SENTENCE = (
    "Training, deleting and downloading are switched off on this server. You can watch its trainings, and train on "
    "your own machine."
)

_OFF = ("", "0", "false", "no", "off")


def read_only() -> bool:
    """Whether visitors are kept from changing anything on the server's disk."""
    return os.environ.get(READ_ONLY, "").strip().lower() not in _OFF


def set_default(address: str | None) -> None:
    """Make a server read-only if it listens beyond this machine, unless its owner has set the variable."""
    if address is not None and not _of_this_machine(address):
        os.environ.setdefault(READ_ONLY, "1")


def _of_this_machine(address: str) -> bool:
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:  # a host name
        return False
