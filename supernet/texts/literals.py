"""Reads Python values off a text by its syntax tree: lists, tuples, dicts, words, numbers, and how codes print those
(`range(2, 6)`, `np.int64(1)`, `array([2, 3])`). Nothing is evaluated."""

import ast
import re
import warnings
from collections.abc import Sequence
from itertools import zip_longest

from ..errors import GenotypeError, show

DEPTH = 30  # brackets in each other; a genotype has five
LARGEST = 10**6  # states of a cell are far fewer
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|#[^\n]*|[()\[\]{}'\"]")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_RANGES = ("range", "xrange", "arange")
_LISTS = ("list", "tuple", "array", "asarray", "tensor", "ListConfig")
_DICTS = ("dict", "OrderedDict")
_RECORDS = (*_DICTS, "Edge")
_NUMBERS = ("int", "int8", "int16", "int32", "int64", "intp", "uint8", "uint16", "uint32", "uint64", "long", "tensor")
_WORDS = ("str", "str_")


def find_end(text: str, start: int) -> int:
    """Returns where the bracket closes that opens at `start`, one past it.

    Raises:
        GenotypeError: it does not, or brackets or quotes in it do not match.

    >>> find_end("f(')', [1]) x", 1)
    11
    """
    opened: list[tuple[str, int]] = []
    for match in _TOKEN.finditer(text, start):
        sign = match[0]
        if sign in ("'", '"'):
            near = show(text[match.start() : match.start() + 40])
            raise GenotypeError(f"{_name_line(text, match.start())}a quote opens and does not close: {near}")
        if sign in _CLOSING:
            opened.append((sign, match.start()))
            if len(opened) > DEPTH:
                raise GenotypeError(f"{_name_line(text, match.start())}brackets stand in each other {DEPTH} deep")
        elif sign in _CLOSING.values():
            opening, place = opened.pop()
            if _CLOSING[opening] != sign:
                near = show(text[place : match.end()])
                raise GenotypeError(f"{_name_line(text, place)}{opening} is closed by {sign}: {near}")
            if not opened:
                return match.end()
    sign, place = opened[-1]
    raise GenotypeError(
        f"{_name_line(text, place)}{sign} opens and does not close, so the text was cut off: {show(text[place:][:40])}"
    )


def _name_line(text: str, place: int) -> str:
    """Returns the beginning of a message: the line of a place, where there are several."""
    return f"line {text.count(chr(10), 0, place) + 1}: " if "\n" in text.strip() else ""


class Literals:
    """The values in one expression.

    Args:
        text: the expression.

    Raises:
        GenotypeError: it is no Python; the line says where.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes and numbers
                self.tree = ast.parse(f"({text}\n)", mode="eval").body
        except SyntaxError as error:
            raise GenotypeError(self._say_where(error)) from None
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            raise GenotypeError(f"it cannot be taken apart: {show(str(error) or type(error).__name__)}") from None

    def _say_where(self, error: SyntaxError) -> str:
        lines = self.text.split("\n")
        row = min(max((error.lineno or 1) - 1, 0), len(lines) - 1)
        column = max((error.offset or 1) - 2 - 15, 0) if row == 0 else max((error.offset or 1) - 1 - 15, 0)
        where = f"line {row + 1}: " if len(lines) > 1 else ""
        return f"{where}it stops being one near {show(lines[row][column : column + 40])}: {show(error.msg)[1:-1]}"

    def arguments(self, fields: Sequence[str]) -> tuple[list, dict]:
        """Returns the values of a call, or of a dict or a tuple in its place: by position, and by name.

        Args:
            fields: names of those by position, for messages.

        Raises:
            GenotypeError: a name stands twice, or a value is none.
        """
        tree = self.tree
        if isinstance(tree, (ast.Tuple, ast.List)):
            return self._read_fields(fields, tree.elts), {}
        if isinstance(tree, ast.Call) and not (_name_of(tree) in _DICTS and tree.args):
            names = [keyword.arg for keyword in tree.keywords]
            if None in names:
                raise GenotypeError("**fields cannot be read: write them out")
            if len(set(names)) < len(names):
                raise GenotypeError("it gives a field twice: each of its fields once")
            values = self._read_fields(names, [keyword.value for keyword in tree.keywords])
            return self._read_fields(fields, tree.args), dict(zip(names, values))
        value = self.read(tree)
        return ([], value) if isinstance(value, dict) else ([value], {})

    def _read_fields(self, names: Sequence, trees: Sequence[ast.expr]) -> list:
        values = []
        for name, tree in zip_longest(names, trees):
            if tree is not None:
                try:
                    values.append(self.read(tree))
                except GenotypeError as error:
                    raise GenotypeError(f"{name[:60]}: {error}" if name else str(error)) from None
        return values

    def read(self, tree: ast.expr) -> object:
        """Returns the value of a part of the expression."""
        if isinstance(tree, ast.Constant):
            return self._read_constant(tree)
        if isinstance(tree, ast.List):
            return [self.read(item) for item in tree.elts]
        if isinstance(tree, ast.Tuple):
            return tuple(self.read(item) for item in tree.elts)
        if isinstance(tree, ast.Dict) and None not in tree.keys:
            return self._make_dict(
                [(self.read(key), self.read(value)) for key, value in zip(tree.keys, tree.values) if key]
            )
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub) and isinstance(tree.operand, ast.Constant):
            value = self._read_constant(tree.operand)
            if isinstance(value, (int, float)):
                return -value
        if isinstance(tree, ast.Call):
            return self._read_call(tree)
        kind = "a name and no value" if isinstance(tree, ast.Name) else "no plain value"
        raise GenotypeError(f"{self._quote(tree)} is {kind}, and is not evaluated")

    def _quote(self, tree: ast.expr) -> str:
        segment = ast.get_source_segment(f"({self.text}\n)", tree)
        return show((segment or type(tree).__name__)[:200])

    def _read_constant(self, tree: ast.Constant) -> object:
        value = tree.value
        if value is Ellipsis:
            raise GenotypeError("... stands for what was left out: give the whole")
        if isinstance(value, int) and not isinstance(value, bool) and value > LARGEST:
            raise GenotypeError(f"{self._quote(tree)} is too large")
        return value

    def _read_call(self, call: ast.Call) -> object:
        name = _name_of(call)
        if name in _RECORDS and call.keywords and not call.args:
            return self._make_dict([(keyword.arg, self.read(keyword.value)) for keyword in call.keywords])
        positional = [self.read(argument) for argument in call.args]
        first = positional[0] if len(positional) == 1 else None
        if name in _RANGES and not call.keywords:
            return self._read_range(call, positional)
        if name in _LISTS and isinstance(first, (list, tuple)):
            return first
        if name in _NUMBERS and isinstance(first, int):
            return first
        if name in _WORDS and isinstance(first, str):
            return first
        if name in _DICTS and isinstance(first, (dict, list, tuple)):
            return first if isinstance(first, dict) else self._make_dict(list(first))
        if isinstance(call.func, (ast.Tuple, ast.List)):
            raise GenotypeError(f"a comma is missing in {self._quote(call)}")
        raise GenotypeError(f"{self._quote(call)} is a call, and is not evaluated")

    def _read_range(self, call: ast.Call, bounds: list) -> list[int]:
        whole = all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
        if not whole or len(bounds) not in (1, 2) or max(map(abs, bounds)) > 1000:
            raise GenotypeError(f"{self._quote(call)} is not range(a, b) of whole numbers up to 1000")
        return list(range(*bounds))

    def _make_dict(self, items: list) -> dict:
        made = {}
        for item in items:
            if not isinstance(item, (list, tuple)) or len(item) != 2 or not _is_key(item[0]):
                raise GenotypeError(f"{show(item)} is not (field, value)")
            if item[0] in made:
                raise GenotypeError(f"it gives a field twice: {show(item[0])}")
            made[item[0]] = item[1]
        return made


def _is_key(value: object) -> bool:
    """Returns whether it is the name of a field, or an edge (tail, head)."""
    return isinstance(value, str) or (isinstance(value, tuple) and all(type(part) is int for part in value))


def _name_of(call: ast.Call) -> str:
    """Returns the name of what is called, without its module."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
