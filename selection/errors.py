"""The exception for what a user can mend, said in one line."""

import difflib
from collections.abc import Iterable

HINTS = {  # {part of somebody else's message: what helps}
    "Expected more than 1 value per channel": "a BatchNorm has no statistics of one image where its map is one pixel: "
    "give batches of two images or more, as DataLoader(..., drop_last=True) does",
}


class SelectionError(ValueError):
    """A network, batch or criterion that selection cannot work with."""


def unknown(kind: str, name: str, known: Iterable[str]) -> SelectionError:
    """Returns the error for an unknown name, with the nearest known one."""
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if not near and name:
        near = [other for other in known if other.startswith(str(name))]
    hint = f": did you mean {near[0]!r}?" if near else ""
    return SelectionError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, or its type where it has none; and what helps, where that is known.

    >>> first_line(ValueError())
    'ValueError'
    """
    line = (str(error) or type(error).__name__).splitlines()[0]
    hints = [hint for part, hint in HINTS.items() if part in line]
    return "; ".join([line, *hints])
