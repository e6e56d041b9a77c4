"""The one exception that means: the user can mend this."""

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """A user's mistake, said in one line: what is wrong, where, and what would be right; the command line exits with
    2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, with the nearest one that is.

    >>> str(unknown("data", "cifar", ["cifar10", "mnist"]))
    "unknown data 'cifar': did you mean 'cifar10'? (known: cifar10, mnist)"
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or [
        other for other in known if name and other.startswith(str(name))
    ]
    hint = f": did you mean {near[0]!r}?" if near else ""
    return UsageError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")
