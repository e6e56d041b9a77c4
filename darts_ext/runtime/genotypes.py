"""Genotype files, and a short name for a genotype."""

import hashlib
from pathlib import Path

from supernet import Genotype

from .errors import UsageError


def read_genotype(path: Path) -> Genotype:
    """Reads a genotype file: JSON, DARTS text or a NAS-Bench-201 string.

    Raises:
        UsageError: the file cannot be read. GenotypeError: it holds no genotype.
    """
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a genotype: {error}") from None
    if text.startswith("{"):
        return Genotype.from_json(text)
    return Genotype.from_text(text)


def digest(genotype: Genotype) -> str:
    """Returns a short name of a genotype, the same for the same architecture."""
    return hashlib.sha256(genotype.to_json().encode()).hexdigest()[:10]
