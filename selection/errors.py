"""The exception for what a user can mend, said in one line."""

import difflib
from collections.abc import Iterable


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
    """Returns the first line of an error's message, or its type where it has none, with advice where there is some."""
    if "Expected more than 1 value per channel" in str(error):
        return (
            "BatchNorm needs more than one value a channel: give batches of several images (drop_last=True leaves out "
            "a last one), or larger images"
        )
    return (str(error) or type(error).__name__).splitlines()[0]
