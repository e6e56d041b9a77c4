"""The count of evaluations: how many were made, how many were saved, and how many are still to come."""

from collections.abc import Callable

Listener = Callable[[float, float], None]


class Budget:
    """Counts evaluations, each one pass over all batches.

    Args:
        listener: called with (done, expected) evaluations after each.
    """

    def __init__(self, listener: Listener | None = None):
        self.listener = listener
        self.evaluations = 0.0
        self.saved = 0.0
        self.expected = 0.0

    @property
    def remaining(self) -> float:
        """Evaluations that are still expected."""
        return max(0.0, self.expected - self.saved - self.evaluations)

    def expect(self, evaluations: float) -> None:
        """Adds evaluations that are to come."""
        self.expected += evaluations

    def count(self, evaluations: float) -> None:
        """Counts evaluations that were made."""
        self.evaluations += evaluations
        if self.listener:
            self.listener(self.evaluations, self.evaluations + self.remaining)

    def save(self, evaluations: float) -> None:
        """Counts expected evaluations that turned out to be needless."""
        self.saved += evaluations

    def state(self) -> dict[str, float]:
        """Returns the counts, for a checkpoint."""
        return {"evaluations": self.evaluations, "saved": self.saved, "expected": self.expected}

    def load(self, state: dict) -> None:
        """Goes on from the counts of a checkpoint."""
        self.evaluations = state["evaluations"]
        self.saved = state["saved"]
        self.expected = state["expected"]
