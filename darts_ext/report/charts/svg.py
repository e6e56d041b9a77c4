"""SVG as escaped text: an element, a line of text, a whole drawing."""

import re

from markupsafe import Markup, escape

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
MONO = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
MONO_ASPECT = 0.61  # widest letter of those fonts, in ems

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Returns one SVG element.

    Every child and attribute that is not Markup is escaped, `None` is left out, `_` in a name stands for `-`.

    >>> print(element("text", "a < b", x=1.25, stroke_width=2, class_="note"))
    <text x="1.2" stroke-width="2" class="note">a &lt; b</text>
    """
    pairs = []
    for name, value in attributes.items():
        if value is not None:
            svg_name = name.rstrip("_").replace("_", "-")
            pairs.append(Markup(' {}="{}"').format(svg_name, _clean(value)))
    opened = Markup("").join(pairs)
    inside = Markup("").join(escape(_clean(child)) for child in children if child is not None)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), opened, inside)


def text(x: float, y: float, words: object, *, size: float = 11, anchor: str = "start", **attributes: object) -> Markup:
    """Returns text whose baseline is at y; anchor is start, middle or end."""
    colour = attributes.pop("fill", "currentColor")
    return element("text", words, x=x, y=y, font_size=size, text_anchor=anchor, fill=colour, **attributes)


def drawing(width: float, height: float, title: str, *children: object) -> Markup:
    """Returns a whole SVG of its natural size in pixels, in the text colour of the page around it."""
    return element(
        "svg",
        element("title", title),
        *children,
        xmlns=Markup("http://www.w3.org/2000/svg"),
        width=round(width),
        height=round(height),
        viewBox=f"0 0 {round(width)} {round(height)}",
        font_family=FONT,
        role="img",
        aria_label=title,
    )


def _clean(value: object) -> object:
    """Rounds numbers to a tenth of a pixel and replaces characters that XML forbids."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return _NOT_XML.sub("\ufffd", str(value))
