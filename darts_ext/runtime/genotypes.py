"""Genotype files, and a short name for a genotype."""

import hashlib
from pathlib import Path

from supernet import Genotype, GenotypeError

from .errors import UsageError
from .reading import read_text


def read_genotype(path: Path) -> Genotype:
    """Reads a file with one genotype: JSON, DARTS text or a NAS-Bench-201 string, as `Genotype.from_text` reads them.

    Raises:
        UsageError: the file cannot be read, or holds no genotype; it is named.
    """
    try:
        return Genotype.from_text(read_text(path))
    except GenotypeError as error:
        raise UsageError(f"{path}: {error}") from None


def digest(genotype: Genotype) -> str:
    """Returns a short name of a genotype, the same for the same architecture."""
    return hashlib.sha256(genotype.to_json().encode()).hexdigest()[:10]
