"""Counting evaluations, and telling whoever listens how far we are."""

from collections.abc import Callable

from ..protocol import Selectable


class Progress:
    """Counts measurements; `listener(done, total)` is called after each.

    >>> progress = Progress(lambda done, total: print(done, "of", total))
    >>> progress.start(2)
    >>> progress.step(0.5)
    1 of 2
    0.5
    """

    def __init__(self, listener: Callable[[int, int], None] | None = None):
        self.listener, self.count, self.total = listener, 0, 0

    def start(self, total: int) -> None:
        self.total += total

    def step(self, value: float) -> float:
        self.count += 1
        if self.listener:
            self.listener(self.count, self.total)
        return value


def edges_to_judge(net: Selectable) -> list[str]:
    """The choices of which a node drops some."""
    return [choice for keep, names in net.inputs().values() if len(names) > keep for choice in names]
