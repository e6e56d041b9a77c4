"""A small file system of its own, where the system lets tests mount one."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A file system in memory, mounted on a folder."""

    def __init__(self, folder: Path):
        self.folder = folder

    def remount(self, options: str) -> None:
        """Gives it other options, as size=64k or ro."""
        _call("mount", "-o", f"remount,{options}", str(self.folder))


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[SmallDisk]:
    """Mounts one of that size; skips the test where that is not allowed."""
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no command mount")
    problem = _call("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    if problem:
        pytest.skip(f"no small file system can be mounted: {problem}")
    try:
        yield SmallDisk(folder)
    finally:
        _call("umount", str(folder))


def _call(*words: str) -> str:
    """Returns what went wrong, empty if nothing did."""
    called = subprocess.run(words, capture_output=True, text=True)
    return called.stderr.strip() or ("unknown" if called.returncode else "")
