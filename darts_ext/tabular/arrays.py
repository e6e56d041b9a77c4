"""The columns of a benchmark, read from the package."""

import zlib
from functools import cache
from importlib.resources import files
from zipfile import BadZipFile

import numpy as np

from ..runtime.errors import UsageError


@cache
def load_columns(name: str, benchmark: str, cells: int) -> dict[str, np.ndarray]:
    """Returns {column: an array of so many cells}.

    Raises:
        UsageError: the file is broken.
    """
    path = files(__package__).joinpath(name)
    anew = "install darts_ext anew"
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            columns = dict(arrays)
    except (OSError, EOFError, ValueError, BadZipFile, zlib.error) as error:
        raise UsageError(f"the table of {benchmark}, {path}, cannot be read ({error}): {anew}") from None
    if "ops" not in columns or any(len(column) != cells for column in columns.values()):
        raise UsageError(f"the table of {benchmark}, {path}, does not have its {cells} cells: {anew}")
    return columns
