"""What all commands share: instead of a traceback, one sentence on standard error and an exit code.

    0      the work is done
    1      it cannot be done here, or not now
    2      an argument is wrong
    130    Ctrl-C

`python -X dev -m vae.train ...` shows the traceback instead.
"""

import argparse
import atexit
import io
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

WRONG_ARGUMENT, INTERRUPTED = 2, 130
LONGEST = 300  # characters of the message about a wrong argument, which may quote all of it


class WrongArgument(ValueError):
    """An argument is out of range, or does not go with another one."""


class Parser(argparse.ArgumentParser):
    """The usual parser, but its message about a wrong argument is one sentence."""

    def error(self, message: str) -> NoReturn:
        """End the process."""
        short = message if len(message) <= LONGEST else f"{message[:LONGEST]} …"
        self.exit(WRONG_ARGUMENT, f"error: {short} (`{self.prog} --help` lists all arguments)\n")


def run(parser: Parser, work: Callable[[argparse.Namespace], object], arguments: list[str] | None) -> None:
    """Do the work of a command; if that raises, the message is printed as one sentence and the process ends.

    Args:
        parser: of the arguments.
        work: takes the parsed arguments.
        arguments: of the command line; None takes those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console without a character shows it as \\u65e5
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGINT) is _stop_at_once:  # from here on there is work that must end properly
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work(parser.parse_args(arguments))
        sys.stdout.flush()
    except WrongArgument as error:
        parser.error(str(error))
    except BrokenPipeError:  # the reader of the output has stopped, as in `... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt as error:
        _interrupted(str(error))
    except Exception as error:
        if _is_interrupt(error):
            _interrupted("")
        if sys.flags.dev_mode:
            raise
        sys.exit(f"error: {sentence(error)}")


def sentence(error: BaseException) -> str:
    """The message of an exception, in one line."""
    said = next(iter(str(error).strip().splitlines()), "").strip()
    if is_out_of_memory(error):
        return "there is not enough memory for this: free some, or ask for less at once"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename is not None else error.strerror
    if said and isinstance(error, ValueError | RuntimeError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the machine or the device ran out of memory: PyTorch has several ways of saying so."""
    said = str(error).lower()
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or any(words in said for words in ("out of memory", "can't allocate memory", "not enough memory"))


def expect_interrupts() -> None:
    """Have Ctrl-C end this process with one word while modules are imported and at its end, when nothing can be lost.

    PyTorch's import swallows some interrupts, and turns others into errors of its own.
    """
    signal.signal(signal.SIGINT, _stop_at_once)
    atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def _stop_at_once(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, b"\nstopped\n")
    os._exit(INTERRUPTED)


def _interrupted(how_to_go_on: str) -> NoReturn:
    exec("")  # CPython remembers an interrupt within `exec`, as of an import, and `python -m` would end by SIGINT
    print("\nstopped" + (f": {how_to_go_on}" if how_to_go_on else ""), file=sys.stderr)
    sys.exit(INTERRUPTED)


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C caused an exception: compiled code that is interrupted can raise errors of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False
