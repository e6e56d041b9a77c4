"""A command that a signal ends: at the N-th call of a function, in a process of its own."""

import importlib
import multiprocessing
import os
import signal
import sys
from pathlib import Path

# forked from a server that has loaded what is slow to load; none of this project's own modules, which a test may change
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["torch", "torchvision", "timm", "sklearn.datasets", "scipy.stats", "jsonargparse"])


def run_killed(
    where: str, number: int, argv: list[str], errors: Path, by: signal.Signals = signal.SIGKILL
) -> int | None:
    """Runs a command in a process that sends itself a signal at call `number` of the function `where`.

    Args:
        where: "module.function" or "module.Class.method".
        errors: file for what the command writes to stderr.
        by: the signal.

    Returns:
        The exit code, which is -SIGKILL if that is the signal and the call came.
    """
    process = _SERVER.Process(target=_run, args=(where, number, argv, errors, by))
    process.start()
    process.join()
    return process.exitcode


def _run(where: str, number: int, argv: list[str], errors: Path, by: signal.Signals) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell are started without
    sys.stdout = sys.stderr = errors.open("w")
    owner, name = _find(where)
    original, calls = getattr(owner, name), 0

    def deadly(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), by)
        return original(*args, **kwargs)

    setattr(owner, name, deadly)
    from darts_ext.cli import main

    sys.exit(main(argv))


def _find(where: str) -> tuple[object, str]:
    module, name = where.rsplit(".", 1)
    try:
        return importlib.import_module(module), name
    except ModuleNotFoundError:
        module, kind = module.rsplit(".", 1)
        return getattr(importlib.import_module(module), kind), name
