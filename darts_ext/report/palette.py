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
    "add_skip": Look("#b43717", "2 3"),  # akin to skip_connect, but added, not put in place of an operation
    "noise": Look("#ed53ff"),
    "sep_conv_7x7": Look("#05729c"),
    "conv_7x1_1x7": Look("#2a7356"),
}
_DASHES = ("", "9 3", "3 2", "9 3 2 3")


def looks(names: Iterable[str]) -> dict[str, Look]:
    """The look of every name: fixed for the operations of the field, else the next free colour in the order given.

    >>> found = looks(["relu", "sep_conv_3x3", "relu"])
    >>> found["sep_conv_3x3"].colour, found["relu"] != found["sep_conv_3x3"], len(found)
    ('#0f7cd7', True, 2)
    """
    names = list(dict.fromkeys(names))
    found = {name: _KNOWN[name] for name in names if name in _KNOWN}
    colours = list(dict.fromkeys(look.colour for name, look in _KNOWN.items() if look.colour != QUIET))
    taken = {look.colour for look in found.values()}
    free = [
        Look(colour, dash)
        for dash in _DASHES
        for colour in sorted(colours, key=taken.__contains__)
        if dash or colour not in taken
    ]
    unknown = (name for name in names if name not in _KNOWN)
    return found | {name: free[i % len(free)] for i, name in enumerate(unknown)}


def ink_on(colour: str) -> str:
    """White on #rrggbb where its contrast is 4 and more, else black (WCAG relative luminance).

    >>> ink_on("#0f7cd7"), ink_on("#cc8a23")
    ('#fff', '#111')
    """
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#111" if luminance > 1.05 / 4 - 0.05 else "#fff"
