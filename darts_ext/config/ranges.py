"""What values a setting may have; stands with its field, as `field(default=..., metadata=AT_LEAST_ONE)`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """A condition on a value, and how it is said.

    Args:
        accepts: whether a value is in the range.
        text: "must be at least 1, not {}", with the value in the braces.
    """

    accepts: Callable[..., bool]
    text: str


def _allow(accepts: Callable[..., bool], text: str) -> dict[str, Range]:
    return {"range": Range(accepts, text)}


def one_of(*names: str) -> dict[str, Range]:
    """Returns the metadata of a setting that is one of some names."""
    return _allow(lambda value: value in names, f"is {_enumerate(names)}, not {{!r}}")


def _enumerate(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}"


AT_LEAST_ONE = _allow(lambda value: value >= 1, "must be at least 1, not {}")
ABOVE_ZERO = _allow(lambda value: value > 0, "must be above 0, not {}")
SEED = _allow(lambda value: 0 <= value < 2**63, "must lie between 0 and 2**63 - 1, not {}")
NOT_NEGATIVE = _allow(lambda value: value >= 0, "must not be negative, it is {}")
SHARE = _allow(lambda value: 0 <= value < 1, "must lie in [0, 1), not {}")
PROPER_SHARE = _allow(lambda value: 0 < value < 1, "must lie between 0 and 1, not {}")
EVEN = _allow(
    lambda value: value >= 2 and value % 2 == 0,
    "must be even and at least 2, not {}: a skip connection of stride 2 makes its output in two halves",
)
