"""How an operation looks: the same colour and the same dashes in every drawing.

The colours of the DARTS operations keep a CIE76 distance above 20 for normal, protan and deutan eyes, and a contrast
of about 3 and more on white and on near-black, so that one palette serves light pages, dark pages and paper.
"""

from collections.abc import Iterable
from typing import NamedTuple

MAGNITUDE = "#0f7cd7"  # one hue for everything that shows an amount
QUIET = "#8a8a8a"


class Look(NamedTuple):
    """A colour (#rrggbb) and an SVG dash pattern, empty when solid."""

    colour: str
    dash: str = ""


_KNOWN = {
    "none": Look(QUIET, "1.5 3.5"),
    "skip_connect": Look("#b43717", "7 4"),
    "max_pool_3x3": Look("#cc8a23"),
    "avg_pool_3x3": Look("#b5208e"),
    "sep_conv_3x3": Look("#0f7cd7"),
    "sep_conv_5x5": Look("#169ecc"),
    "dil_conv_3x3": Look("#289053"),
    "dil_conv_5x5": Look("#8346f7"),
    "nor_conv_3x3": Look("#0f7cd7"),  # no space has both nor_conv and sep_conv
    "nor_conv_1x1": Look("#169ecc"),
    "no_skip": Look(QUIET, "1.5 3.5"),
    "add_skip": Look("#b43717", "2 3"),  # like skip_connect, but added to an operation, not in its place
    "noise": Look("#ed53ff"),
    "sep_conv_7x7": Look("#05729c"),
    "conv_7x1_1x7": Look("#2a7356"),
}
_DASHES = ("", "9 3", "3 2", "9 3 2 3")


def assign_looks(names: Iterable[str]) -> dict[str, Look]:
    """Returns the look of every name: fixed for known operations, else the next free one in the order given.

    >>> looks = assign_looks(["relu", "sep_conv_3x3", "relu"])
    >>> looks["sep_conv_3x3"].colour, looks["relu"] != looks["sep_conv_3x3"], len(looks)
    ('#0f7cd7', True, 2)
    """
    names = list(dict.fromkeys(names))
    known = {name: _KNOWN[name] for name in names if name in _KNOWN}
    unknown = [name for name in names if name not in _KNOWN]
    free = _free_looks(taken={look.colour for look in known.values()})
    assigned = dict(known)
    for i, name in enumerate(unknown):
        assigned[name] = free[i % len(free)]
    return assigned


def _free_looks(taken: set[str]) -> list[Look]:
    """Solid lines in colours not taken come first, then all colours with dashes."""
    colours = list(dict.fromkeys(look.colour for look in _KNOWN.values() if look.colour != QUIET))
    colours.sort(key=taken.__contains__)
    free = []
    for dash in _DASHES:
        for colour in colours:
            if dash or colour not in taken:
                free.append(Look(colour, dash))
    return free


def pick_ink(colour: str) -> str:
    """Returns white for text on #rrggbb where its contrast is at least 4, else black (WCAG relative luminance).

    >>> pick_ink("#0f7cd7"), pick_ink("#cc8a23")
    ('#fff', '#111')
    """
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#111" if luminance > 1.05 / 4 - 0.05 else "#fff"


def _linear(channel: float) -> float:
    """Undoes the gamma of sRGB."""
    if channel <= 0.04045:
        return channel / 12.92
    return ((channel + 0.055) / 1.055) ** 2.4
