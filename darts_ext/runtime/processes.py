"""Work that is spread over processes: on one thread each, in order, and with one line if one of them dies."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError

from .errors import UsageError
from .interrupts import interrupts_kept_from_children


@contextmanager
def one_thread() -> Iterator[None]:
    """Lets torch compute on one CPU thread in the block, so that processes do not fight for the cores.

    Afterwards the number of threads is what it was: with one process the block runs in the caller's own.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Spread:
    """A `map` over a number of processes; with one it is `map` itself.

    >>> list(Spread(1)(abs, [-1, 2]))
    [1, 2]
    """

    def __init__(self, processes: int):
        self.processes = processes

    def __call__(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """Yields function(item) for every item, in order.

        Raises:
            UsageError: a process died.
        """
        if self.processes == 1:
            yield from map(function, items)
            return
        run = joblib.Parallel(n_jobs=self.processes, return_as="generator", batch_size=1)
        try:
            with interrupts_kept_from_children():
                results = run(joblib.delayed(_call_on_one_thread)(function, item) for item in items)
            yield from results
        except TerminatedWorkerError:
            raise UsageError(
                "a process that measures networks was killed, perhaps for want of memory: lower --processes and repeat"
            ) from None


def _call_on_one_thread(function: Callable[[Any], Any], item: Any) -> Any:
    with one_thread():
        return function(item)
