"""A server that has just started: it imports what takes long once something is on the screen.

PyTorch takes a second or two to import. A page that can show something without it does not wait.
"""

import gc
import sys
from importlib import import_module

from explorer.memory import memory

REST = "explorer.cache.results"  # imports PyTorch, and all modules that need it


def over() -> bool:
    """Whether the modules that need PyTorch are imported, or another visitor's run is importing them."""
    return REST in sys.modules


def first_sight() -> bool:
    """Whether this is the first run of the first visitor, which shows what needs no PyTorch."""
    first = not over() and not memory().opened
    memory().opened = True
    return first


def import_rest() -> None:
    """Import the modules that need PyTorch, and keep them out of this and every later garbage collection."""
    if over():
        return
    gc.disable()
    try:
        import_module(REST)
    finally:
        gc.enable()
    gc.freeze()
