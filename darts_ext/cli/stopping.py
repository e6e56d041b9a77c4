"""Ctrl-C and requests to end: an exception at any moment, so that drafts are removed and locks are let go."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# what a shell reports of a process that a signal ended is 128 and its number; Windows has no SIGHUP
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Stopped(KeyboardInterrupt):
    """A signal came; `code` is the exit status that tells which."""

    def __init__(self, number: int):
        super().__init__()
        self.code = 128 + number
        self.reason = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


@contextmanager
def stoppable(is_program: bool) -> Iterator[None]:
    """Lets signals raise Stopped in the block, but for those that the caller ignores, as under nohup.

    Args:
        is_program: the process ends with the block: a signal that comes later ends it at once, without a word.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if is_program else handler)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)
