"""The image files of a folder, class by class, as torchvision's ImageFolder lists them; what is left out is counted."""

import os
from pathlib import Path

from ..runtime.errors import UsageError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
LAYOUT = "expected DIR/train/CLASS/image.png and DIR/test/CLASS/image.png"
LeftOut = dict[str, list[str]]  # {why: names of files or folders}


def list_files(folder: Path, left_out: LeftOut) -> dict[str, list[Path]]:
    """Lists the images of each class, those in folders inside the class folder too.

    Classes are sorted by the code points of their names, files by those of their folder and name.

    Args:
        left_out: what is not taken is added to it.

    Raises:
        UsageError: there is no folder, no class, a class without images, or a folder that cannot be listed.
    """
    if not folder.is_dir():
        raise UsageError(f"no {folder.name}/ in {folder.parent}: {LAYOUT}")
    classes = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            _leave_out(left_out, "hidden", folder, path.name)
        elif path.is_dir():
            classes.append(path)
        else:
            _leave_out(left_out, "in no class folder", folder, path.name)
    if not classes:
        raise UsageError(f"no class folders in {folder}: {LAYOUT}")
    listing = {}
    for path in classes:
        listing[path.name] = _walk(path, left_out)
        if not listing[path.name]:
            raise UsageError(f"empty class: {path} has no images ({' '.join(SUFFIXES)})")
    return listing


def _walk(folder: Path, left_out: LeftOut) -> list[Path]:
    """Lists the images in a folder and in those inside it; links are followed, but not back to where they are."""
    found = []
    for root, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        for name in [*folders, *names]:
            if name.startswith("."):
                _leave_out(left_out, "hidden", root, name)
        folders[:] = [name for name in folders if not name.startswith(".") and not _leads_back(root, name)]
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found.append((root, name))
            elif not name.startswith("."):
                _leave_out(left_out, "with other endings", root, name)
    return [Path(root, name) for root, name in sorted(found)]


def _refuse(error: OSError) -> None:
    raise UsageError(f"cannot list the folder {error.filename}: {error.strerror}")


def _leads_back(root: str, name: str) -> bool:
    here, there = os.path.realpath(root), os.path.realpath(os.path.join(root, name))
    return os.path.commonpath([here, there]) == there


def _leave_out(left_out: LeftOut, reason: str, folder: Path | str, name: str) -> None:
    left_out.setdefault(reason, []).append(os.path.join(folder, name))


def describe_left_out(left_out: LeftOut, root: Path) -> str | None:
    """Returns one line that counts what was left out, with an example of each kind; None where nothing was.

    >>> describe_left_out({"hidden": ["/d/train/a/.x"], "with other endings": ["/d/train/a/n.txt"] * 3}, Path("/d"))
    '/d: left out 4 files or folders: 1 hidden (train/a/.x), 3 with other endings (train/a/n.txt)'
    """
    parts = []
    for reason, names in left_out.items():
        parts.append(f"{len(names)} {reason} ({os.path.relpath(names[0], root)})")
    total = sum(map(len, left_out.values()))
    return f"{root}: left out {total} files or folders: {', '.join(parts)}" if parts else None


def describe_order(classes: tuple[str, ...]) -> str | None:
    """Returns one line where timm's reader numbers these classes in another order; None where it does not.

    >>> describe_order(("1", "10", "2"))
    "classes are numbered 1, 10, 2, as torchvision's ImageFolder does; timm's reader takes 1, 2, 10"
    >>> describe_order(("cat", "dog"))
    """
    from timm.utils.misc import natural_key  # slow to import

    try:
        natural = tuple(sorted(classes, key=natural_key))
    except (TypeError, ValueError):  # of names that it cannot sort, as ²
        return None
    if natural == classes:
        return None
    first = next(index for index, name in enumerate(classes) if name != natural[index])
    part = slice(max(first - 1, 0), first + 2)
    ours, theirs = ", ".join(classes[part]), ", ".join(natural[part])
    return f"classes are numbered {ours}, as torchvision's ImageFolder does; timm's reader takes {theirs}"
