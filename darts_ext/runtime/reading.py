"""Texts of files that people may have saved anywhere: UTF-8, or UTF-16 and UTF-32 as Windows writes them."""

import codecs
from pathlib import Path

from .errors import UsageError

_MARKS = (  # of UTF-32 first: it begins as that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


def read_text(path: Path) -> str:
    """Reads a text file in whatever Unicode it is, with "\\n" at the ends of lines.

    Raises:
        UsageError: the file cannot be read, or is in none.
    """
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{str(path)[:200]} cannot be read: {reason}") from None
    try:
        return decode(content).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path} is no text in UTF-8 or UTF-16 (line {line}): save it as UTF-8") from None


def decode(content: bytes) -> str:
    """Decodes by the mark at the beginning; without one, UTF-16 is known by the zeros beside Latin letters.

    >>> decode("é".encode("utf-16")), decode("a: 1".encode("utf-16-le")), decode("é".encode("utf-8-sig"))
    ('é', 'a: 1', 'é')
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    if content[1:2] == b"\0" != content[:1]:
        return content.decode("utf-16-le")
    if content[:1] == b"\0" != content[1:2]:
        return content.decode("utf-16-be")
    return content.decode("utf-8")


def parse_yaml(text: str) -> object:
    """Returns what a YAML text holds.

    Raises:
        ValueError: it is not YAML; one line says where.
    """
    import yaml  # slow to import

    try:
        return yaml.safe_load(text)
    except Exception as error:  # its tags raise KeyError, IndexError, AttributeError and more
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None
