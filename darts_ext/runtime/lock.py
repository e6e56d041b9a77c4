"""One command at a time in a folder: a lock of the operating system, which vanishes with the process that holds it.

The lock is on a file in the folder, which says who holds it and goes when the command ends. A kill leaves the file
there, but no lock on it.
"""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None
    import msvcrt

from .errors import UsageError
from .files import describe_fault
from .news import say

LOCK = ".run-darts.lock"
PATIENCE = 1.0  # seconds; another command may just be writing its report
HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
UNREAD = 1 << 30  # Windows lets nobody read the byte that is locked

_held: ContextVar[dict[Path, ExitStack] | None] = ContextVar("the folders that this command holds", default=None)


@contextmanager
def folders_held() -> Iterator[None]:
    """Lets go, at its end, of the folders that `hold_folder` took in the block; within another such block it is that
    one's end which counts."""
    if _held.get() is not None:
        yield
        return
    held: dict[Path, ExitStack] = {}
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
        for stack in held.values():
            stack.close()


def hold_folder(folder: Path, command: str) -> None:
    """Holds a folder against other commands, to the end of `folders_held`; makes it if it is not there.

    What a comparison has made in its own folder is held by holding the comparison.

    Raises:
        UsageError: another command holds it (who is said), or it cannot be written in.
    """
    held = _held.get()
    if held is None:
        raise RuntimeError("a folder is held within folders_held()")
    root = _find_root(folder.resolve())
    if root in held:
        return
    path = root / LOCK
    stack = held[root] = ExitStack()
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = _take(path, folder)
    except OSError as error:
        raise describe_fault(folder, error) from None
    stack.callback(_let_go, path, file)
    with suppress(OSError):  # on a full disk nobody reads who it is
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()} ({command}, since {time.strftime('%Y-%m-%d %H:%M:%S')})")
        file.flush()


def _find_root(folder: Path) -> Path:
    """Returns the comparison that a folder is a part of, or the folder itself."""
    for above in folder.parents[:2]:
        part = folder.relative_to(above).parts[0]
        if part.startswith(("seed", "children")) and (above / "args.yaml").exists():
            return above
    return folder


def _take(path: Path, folder: Path) -> IO[str]:
    """Returns the file with a lock on it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        file = open(path, "a+", encoding="utf-8")
        if _lock(file, folder) and _is_at(path, file):
            return file
        holder = _read_holder(file)
        file.close()
        if time.monotonic() > deadline:
            raise UsageError(f"{folder} is in use by {holder}: wait until it ends, or give another folder")
        time.sleep(0.05)


def _lock(file: IO[str], folder: Path) -> bool:
    """Returns whether the lock was free; where the file system knows no locks, it is."""
    try:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            file.seek(UNREAD)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in HELD:
            return False
        if error.errno not in WITHOUT_LOCKS:
            raise
        say(f"{folder} is on a file system without locks: start no second command on it")
    return True


def _is_at(path: Path, file: IO[str]) -> bool:
    """Returns whether the file is still the one of that name: who held it before has removed it at the end."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _read_holder(file: IO[str]) -> str:
    try:
        file.seek(0)
        return file.read().strip() or "another command"
    except (OSError, UnicodeDecodeError):
        return "another command"


def _let_go(path: Path, file: IO[str]) -> None:
    if not fcntl:  # Windows removes no open file
        file.close()
    with suppress(OSError):
        path.unlink()
    with suppress(OSError):
        file.close()
