"""The command line. Nothing heavy is imported until the arguments are understood."""

import os
import sys
from collections.abc import Sequence

from ..runtime.errors import UsageError, unknown
from ..runtime.streams import prepare_streams, show, warn
from .program import PROGRAM
from .stopping import Stopped, stoppable

TORCHVISION_MISFIT = (
    "torch and torchvision do not fit together (operator torchvision::nms does not exist): install both from the same "
    "index in one call, pip install --force-reinstall torch torchvision"
)
INTERRUPTED = 130  # as a shell reports a process that Ctrl-C ended


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, or 2 after one line that says what the user can mend.

    A command that is stopped says in one line how it goes on, and returns 128 and the number of the signal.
    """
    try:
        with stoppable(is_program=argv is None):
            prepare_streams()
            return _answer(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt as stop:
        reason, code = (stop.reason, stop.code) if isinstance(stop, Stopped) else ("interrupted", INTERRUPTED)
        return _complain(f"{reason}: the same command goes on from the last whole epoch or round", code)


def _answer(words: list[str]) -> int:
    from .commands import COMMANDS

    try:
        if not words or words[0] in ("-h", "--help"):
            show(_overview())
            return 0
        name, *words = words
        if name not in COMMANDS:
            raise unknown("command", name, COMMANDS)
        return _run(name, words)
    except UsageError as error:
        return _complain(str(error))
    except RuntimeError as error:  # wherever torchvision is first imported
        if "torchvision::nms" not in str(error):
            raise
        return _complain(TORCHVISION_MISFIT)


def _run(name: str, words: list[str]) -> int:
    from .arguments import read_arguments
    from .commands import COMMANDS

    command = COMMANDS[name]
    arguments = read_arguments(name, command, words)
    # thousands of small operations: threads that spin while they wait cost more than they do
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mistakes = _load_packages()
    from ..runtime.lock import folders_held

    try:
        with folders_held():
            command.act(*arguments)
    except mistakes as error:
        return _complain(str(error))
    except OSError as error:
        if error.errno is None:
            raise
        return _complain(": ".join(str(part) for part in (error.filename, error.strerror) if part is not None))
    return 0


def _load_packages() -> tuple[type[Exception], ...]:
    """Imports torch and the packages; returns the exceptions that are the user's to mend."""
    import selection
    import supernet

    return UsageError, supernet.SpaceError, selection.SelectionError


def _overview() -> str:
    from .arguments import list_presets
    from .commands import COMMANDS

    lines = [f"usage: {PROGRAM} COMMAND [options]", "", "commands:"]
    lines += [f"  {name:10} {command.summary}" for name, command in COMMANDS.items()]
    presets = ", ".join(list_presets())
    lines += [
        "",
        f"{PROGRAM} COMMAND --help tells its options; --config takes a YAML file or one of the presets {presets}.",
    ]
    return "\n".join(lines)


def _complain(message: str, code: int = 2) -> int:
    warn(f"{PROGRAM}: {message}")
    return code
