"""One command at a time in a folder: a lock of the operating system, which vanishes with the process that holds it.

The lock is on a file in the folder, which says who holds it and goes when the command ends. A kill leaves the file
there, but no lock on it.
"""

import errno
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

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

_held: ContextVar[dict[Path, int] | None] = ContextVar("descriptors of the locks of this command", default=None)


@contextmanager
def folders_held() -> Iterator[None]:
    """Lets go, at its end, of the folders that `hold_folder` took in the block; within another such block it is that
    one's end which counts."""
    if _held.get() is not None:
        yield
        return
    held: dict[Path, int] = {}
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
        for root, lock in held.items():
            _let_go(root / LOCK, lock)


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
    try:
        root.mkdir(parents=True, exist_ok=True)
        held[root] = _take(root / LOCK, folder)
    except OSError as error:
        raise describe_fault(folder, error) from None
    holder = f"process {os.getpid()} on {platform.node()} ({command}, since {time.strftime('%Y-%m-%d %H:%M:%S')})"
    with suppress(OSError):  # on a full disk nobody reads who it is
        os.ftruncate(held[root], 0)
        os.write(held[root], holder.encode())


def _find_root(folder: Path) -> Path:
    """Returns the comparison that a folder is a part of, or the folder itself."""
    for above in folder.parents[:2]:
        part = folder.relative_to(above).parts[0]
        if part.startswith(("seed", "children")) and (above / "args.yaml").exists():
            return above
    return folder


def _take(path: Path, folder: Path) -> int:
    """Returns the descriptor of the file with a lock on it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if _try_lock(lock, folder) and _is_at(path, lock):
            return lock
        holder = os.read(lock, 1000).decode(errors="replace") or "another command"
        os.close(lock)
        if time.monotonic() > deadline:
            raise UsageError(f"{folder} is in use by {holder}: wait until it ends, or give another folder")
        time.sleep(0.05)


def _try_lock(lock: int, folder: Path) -> bool:
    """Returns whether the lock was free; where the file system knows no locks, it is."""
    try:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            os.lseek(lock, UNREAD, os.SEEK_SET)
            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno not in (*HELD, *WITHOUT_LOCKS):
            raise
        if error.errno in WITHOUT_LOCKS:
            say(f"{folder} is on a file system without locks: start no second command on it")
        return error.errno in WITHOUT_LOCKS
    finally:
        os.lseek(lock, 0, os.SEEK_SET)
    return True


def _is_at(path: Path, lock: int) -> bool:
    """Returns whether the file is still the one of that name: who held it before has removed it at the end."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(lock))
    except FileNotFoundError:
        return False


def _let_go(path: Path, lock: int) -> None:
    if not fcntl:  # Windows removes no open file
        os.close(lock)
    with suppress(OSError):
        path.unlink()
    if fcntl:
        os.close(lock)
