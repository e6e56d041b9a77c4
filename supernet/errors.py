"""Errors that a user can mend, each message one line."""

import difflib
import reprlib
from collections.abc import Iterable


class SpaceError(ValueError):
    """A space, network or architecture that cannot be: the message says what is wrong and what would be right."""


class GenotypeError(SpaceError):
    """A genotype that cannot be read, or that does not belong to the space."""


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
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if not near and name:
        near = [other for other in known if other.startswith(str(name))]
    hint = f": did you mean {near[0]!r}?" if near else ""
    return SpaceError(f"unknown {kind} {show(name)}{hint} (known: {', '.join(known)})")
