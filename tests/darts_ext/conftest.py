"""Commands that are killed without warning."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# kills itself at the N-th call of a function: KILLER FUNCTION N, then the command
KILLER = """
import importlib, os, signal, sys
where, number = sys.argv[1], int(sys.argv[2])
module, name = where.rsplit(".", 1)
try:
    owner = importlib.import_module(module)
except ModuleNotFoundError:
    module, kind = module.rsplit(".", 1)
    owner = getattr(importlib.import_module(module), kind)
original, calls = getattr(owner, name), 0
def deadly(*args, **kwargs):
    global calls
    calls += 1
    if calls == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(owner, name, deadly)
from darts_ext.cli import main
main(sys.argv[3:])
"""


@pytest.fixture
def run_killed():
    """run_killed("os.replace", 3, ["search", ...]) runs the command in a process that is killed at the third call of
    os.replace."""

    def run(where, number, argv):
        process = subprocess.run(
            [sys.executable, "-c", KILLER, where, str(number), *map(str, argv)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert process.returncode == -signal.SIGKILL, f"was not killed: {process.stderr[-800:]}"

    return run
