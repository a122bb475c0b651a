"""A server that has just started: what takes long to import, and when.

PyTorch takes a second or two, which no page should be kept waiting for that can show something without it.
"""

import gc
import sys
from importlib import import_module

import streamlit as st

REST = "explorer.cache.results"  # the module that needs it, and all others with it
SEEN = "opening_seen"


def over() -> bool:
    """Whether what needs PyTorch is imported, or about to be for another visitor."""
    return REST in sys.modules


def first_sight() -> bool:
    """Whether this is the first run of the first visitor: it shows what needs no PyTorch."""
    first = not over() and SEEN not in st.session_state
    st.session_state[SEEN] = True
    return first


def import_rest() -> None:
    """Import what needs PyTorch, out of the sight of this and every later garbage collection."""
    if over():
        return
    gc.disable()
    try:
        import_module(REST)
    finally:
        gc.enable()
    gc.freeze()
