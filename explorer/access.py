"""What a visitor may change: all, or nothing.

A training costs the machine hours, a deletion takes away what belongs to all, and a data set fills the disk. On the
machine where the app runs, its owner may do all that. Where others can come, nobody may, unless the owner says so:

    EXPLORER_READ_ONLY=1    nobody trains, stops, deletes or fetches anything
    EXPLORER_READ_ONLY=0    everybody does
"""

import os
from ipaddress import ip_address

READ_ONLY = "EXPLORER_READ_ONLY"
SENTENCE = (
    "Training, deleting and downloading are switched off on this server: you can watch its trainings, and train on a "
    "machine of your own."
)

_OFF = ("", "0", "false", "no", "off")


def read_only() -> bool:
    """Whether nobody may change anything on the server's disk."""
    return os.environ.get(READ_ONLY, "").strip().lower() not in _OFF


def settle(address: str | None) -> None:
    """Make a server that listens on an address beyond this machine read-only, unless its owner has said something."""
    if address is not None and not _of_this_machine(address):
        os.environ.setdefault(READ_ONLY, "1")


def _of_this_machine(address: str) -> bool:
    try:
        return address == "localhost" or ip_address(address).is_loopback
    except ValueError:  # a name
        return False
