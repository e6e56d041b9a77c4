"""Standard output and standard error as they may be: closed, read by nobody any more, or a terminal of few
characters."""

import codecs
import os
import sys
from contextlib import suppress
from typing import TextIO

from .errors import UsageError

ANYWAY = "run_darts.anyway"


def prepare_streams() -> None:
    """Puts something in the place of closed streams, and lets the others show what their encoding lacks as escapes.

    Were a place left empty, the next file to be opened would take it, and warnings would be written into that file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ANYWAY)


def _encode_anyway(error: UnicodeError) -> tuple[str | bytes, int]:
    """Encodes the bytes of a file's name as they were, and other characters as escapes."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(ANYWAY, _encode_anyway)


def show(text: str) -> None:
    """Prints a result on standard output; quietly, where nobody reads it any more, as with `| head`.

    Raises:
        UsageError: standard output is a file that cannot be written.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence(sys.stdout)
    except OSError as error:
        silence(sys.stdout)
        raise UsageError(f"standard output cannot be written ({error.strerror})") from None


def warn(text: str) -> None:
    """Prints a line on standard error, if it can be written."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Sends what a stream still holds, and what comes, to nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
