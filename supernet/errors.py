"""Errors that a user can mend, each message one line."""

import difflib
import reprlib
from collections.abc import Iterable
from numbers import Integral


class SpaceError(ValueError):
    """A space, network or architecture that cannot be: the message says what is wrong and what would be right."""


class GenotypeError(SpaceError):
    """A genotype that cannot be read, or that does not belong to the space."""


def check_size(name: str, size: object) -> None:
    """Raises SpaceError unless this is a whole number of at least 1.

    >>> check_size("layers", 0)
    Traceback (most recent call last):
    supernet.errors.SpaceError: layers must be at least 1, not 0
    """
    if not isinstance(size, Integral) or isinstance(size, bool):
        raise SpaceError(f"{name} is a whole number, not {size!r}")
    if size < 1:
        raise SpaceError(f"{name} must be at least 1, not {size}")


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 3


def show(value: object) -> str:
    """Returns a value as Python writes it, in one line of some 60 characters.

    >>> show("a" * 100)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaa...aaaaaaaaaaaaaaaaaaaaaaaaaaaa'"
    """
    return _SHORT.repr(value)


def unknown(kind: str, name: str, known: Iterable[str]) -> SpaceError:
    """Returns the error for an unknown name, with the nearest known one.

    >>> str(unknown("space", "dart", ["darts", "s1"]))
    "unknown space 'dart': did you mean 'darts'? (known: darts, s1)"
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if not near and name:
        near = [other for other in known if other.startswith(str(name))]
    hint = f": did you mean {near[0]!r}?" if near else ""
    return SpaceError(f"unknown {kind} {show(name)}{hint} (known: {', '.join(known)})")
