"""What a reader sees of a report: its words, links and drawings."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

from darts_ext.report import write_report

SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """Checks that tags are balanced; gathers the text, the tags and the addresses."""

    def __init__(self, html):
        super().__init__()
        self.html = html
        self.open, self.words, self.links, self.tags = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("href", "src", "action", "data", "xlink:href"):
                self.links.append(value)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, words):
        self.words.append(words)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def drawings(self):
        return find_drawings(self.html)


def report_on(folder):
    """The page, after checking what holds for every page: balanced, well-formed, self-contained."""
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    for drawing in page.drawings:
        assert "nan" not in drawing.attrib["viewBox"]
        for node in drawing.iter():
            assert "nan" not in node.get("d", "") + node.get("cy", "") + node.get("y", "")
    assert all(link.startswith("#") for link in page.links)
    assert "http" not in page.html.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "url(" not in page.html
    assert "@import" not in page.html
    return page


def find_drawings(html):
    """The SVGs of a page; they hold no others."""
    return [ET.fromstring(f"<svg{rest.split('</svg>')[0]}</svg>") for rest in html.split("<svg")[1:]]


def of_class(svg, name):
    return [node for node in svg.iter() if node.get("class") == name]


def titles(svg):
    """The hints of all parts, the drawing's own first."""
    return [node.text for node in svg.iter(f"{SVG}title")]
