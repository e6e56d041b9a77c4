"""The files of a results folder: each is read and checked; all but args.yaml may be missing."""

import csv
import json
from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

from ..runtime.errors import UsageError
from ..runtime.reading import parse_yaml, read_text

Rows = list[dict[str, str]]


def number(row: Mapping[str, str], name: str) -> float:
    """Returns the number in a column, NaN where it is missing or not a number.

    >>> number({"seed": "3"}, "seed"), number({}, "seed")
    (3.0, nan)
    """
    try:
        return float(row.get(name) or nan)
    except ValueError:
        return nan


def column(rows: Sequence[Mapping[str, str]], name: str) -> list[float]:
    """Returns the numbers of a column, NaN where they are missing."""
    return [number(row, name) for row in rows]


def read_rows(path: Path, *columns: str) -> Rows:
    """Returns the rows of a CSV file, none where there is no file.

    Raises:
        UsageError: the file lacks one of the columns.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = set(columns) - set(reader.fieldnames or columns)
        if missing:
            raise UsageError(f"{path} has no column {' and '.join(sorted(missing))}; write it anew or remove it")
        return list(reader)


def read_settings(path: Path) -> dict:
    """Returns the settings of a YAML file.

    Raises:
        UsageError: the file is not a mapping.
    """
    try:
        settings = parse_yaml(read_text(path)) or {}
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise UsageError(f"{path} is not a file of settings: each line should read 'name: value'")
    return settings


def read_json(path: Path, *keys: str) -> dict | None:
    """Returns the object of a JSON file, None where there is no file.

    Raises:
        UsageError: the file is not a JSON object, or lacks one of the keys.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not content.keys() >= set(keys):
        expected = f" with {' and '.join(keys)}" if keys else ""
        raise UsageError(f"{path} is not a JSON object{expected}; write it anew or remove it")
    return content


def read_genotype(path: Path) -> dict | None:
    """Returns a genotype whose cells can be drawn, None where there is no file.

    Raises:
        UsageError: a cell has no edges, an edge does not run forward, or `concat` does not hold node numbers.
    """
    genotype = read_json(path, "cells")
    if not genotype:
        return genotype
    try:
        drawable = all(_is_drawable(cell) for cell in genotype["cells"].values())
    except (AttributeError, KeyError, TypeError):
        drawable = False
    if not drawable:
        rule = 'each cell needs "edges" with "op" and "from" < "to", and "concat" with node numbers'
        raise UsageError(f"{path} is not a genotype: {rule}")
    return genotype


def _is_drawable(cell: Mapping) -> bool:
    if not all(isinstance(node, int) for node in cell["concat"]):
        return False
    return all(0 <= edge["from"] < edge["to"] and edge["op"] for edge in cell["edges"])
