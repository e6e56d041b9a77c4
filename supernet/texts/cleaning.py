"""Removes from a text what it was copied with: marks of files and terminals, typographic signs, prefixes of log lines.

Lines stay where they were, so that a message can give their numbers.
"""

import re

_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00ad"
_SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u00b4"
_DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb"
_SPACES = "\u00a0\u2002\u2003\u2007\u2009\u202f\u3000"
_FULL_WIDTH = {code + 0xFEE0: chr(code) for code in b"()[],:;.=|~+'\""}  # as East Asian keyboards write them
_SIGNS = {
    **dict.fromkeys(map(ord, _INVISIBLE)),
    **dict.fromkeys(map(ord, _SINGLE_QUOTES), "'"),
    **dict.fromkeys(map(ord, _DOUBLE_QUOTES), '"'),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **_FULL_WIDTH,
}
_TERMINAL = re.compile(r"\x1b\[[0-9;?]{0,20}[A-Za-z]")  # colours
_ESCAPED = re.compile(r"\\([\"'_*|~\[\]()])")  # of JSON, Markdown and LaTeX
_ESCAPED_SPACE = re.compile(r"\\[nrt]")
_TIME = r"(?:\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?[ T,]{1,2})?\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?Z?(?: ?[AP]M)?"
_HEADER = r"[\[(][^'\"\[\]()\n]{0,80}[A-Za-z:][^'\"\[\]()\n]{0,80}[\])]:?"  # brackets with words and no quotes
_LEVEL = r"\b(?:DEBUG|INFO|WARNING|WARN|ERROR)\b(?::[\w.]{1,80}(?=:))?:?"
_SOURCE = r"[\w.:/<>-]{1,80}[ \t]{1,9}[-|](?=[ \t])"
_LOG_PREFIX = re.compile(
    r"^[ \t]*(?:(?:>{1,3}|\.\.\.)(?=[ \t])|"
    rf"(?:{_HEADER}|{_TIME}|{_LEVEL})(?:[ \t]*(?:{_HEADER}|{_TIME}|{_LEVEL}|{_SOURCE}|[-|:](?=[ \t])))*)",
    re.MULTILINE,
)


def clean(text: str) -> str:
    """Returns the text with plain quotes, spaces and brackets, without log prefixes in front of its lines.

    >>> clean("2019-12-31 02:51:20,249 - root - INFO - genotype = x")
    ' genotype = x'
    """
    text = _TERMINAL.sub("", text.translate(_SIGNS))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _ESCAPED_SPACE.sub(" ", _ESCAPED.sub(r"\1", text))
    return _LOG_PREFIX.sub("", text)
