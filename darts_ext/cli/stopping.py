"""Ctrl-C and requests to end: an exception at any moment, so that drafts are removed and locks are let go."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

# what a shell reports of a process that a signal ended is 128 and its number; Windows has no SIGHUP
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
IMPORTING = "<frozen importlib._bootstrap>"
SOON = 0.02  # seconds


class Stopped(KeyboardInterrupt):
    """A signal came; `code` is the exit status that tells which."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number
        self.code = 128 + number
        self.reason = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


@contextmanager
def stoppable(is_program: bool) -> Iterator[None]:
    """Lets signals raise Stopped in the block, but for those that the caller ignores, as under nohup.

    Args:
        is_program: the process ends with the block: a signal that comes later ends it at once, without a word.
    """
    stopper = _Stopper(sys._getframe(2).f_code)
    before = {}
    hook = sys.unraisablehook
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stopper.receive)
        sys.unraisablehook = stopper.watch(hook)
    try:
        yield
    finally:
        stopper.cancel()
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if is_program else handler)


class _Stopper:
    """Raises Stopped where it is not lost.

    Modules that are half imported, and functions that Python calls when an object goes, swallow exceptions or make
    others of them; there the signal waits a moment.

    Args:
        outermost: of the code that can be stopped; an import that this is a part of does not count.
    """

    def __init__(self, outermost: CodeType):
        self.outermost = outermost
        self.alarm_before: Callable | int | None = None
        self.is_waiting = False

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Raises Stopped, now or as soon as nothing is being imported."""
        if hasattr(signal, "setitimer") and self._is_importing(frame):
            self._wait(number)
        else:
            raise Stopped(number)

    def watch(self, hook: Callable) -> Callable:
        """Returns a hook for exceptions that Python could not raise, which does not let Stopped be forgotten."""

        def report(lost: "sys.UnraisableHookArgs") -> None:
            if isinstance(lost.exc_value, Stopped) and hasattr(signal, "setitimer"):
                self._wait(lost.exc_value.number)
            else:
                hook(lost)

        return report

    def cancel(self) -> None:
        """Waits no longer."""
        if self.is_waiting:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.alarm_before)
            self.is_waiting = False

    def _wait(self, number: int) -> None:
        def receive_again(_: int, frame: FrameType | None) -> None:
            self.cancel()
            self.receive(number, frame)

        self.cancel()
        self.alarm_before = signal.signal(signal.SIGALRM, receive_again)
        self.is_waiting = True
        signal.setitimer(signal.ITIMER_REAL, SOON)

    def _is_importing(self, frame: FrameType | None) -> bool:
        while frame is not None and frame.f_code is not self.outermost:
            if frame.f_code.co_filename == IMPORTING:
                return True
            frame = frame.f_back
        return False
