"""The HTML templates, filled with values; every page has the same style sheet inside."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined


def fill_template(file: str, /, **values: object) -> str:
    """Returns the page of a template of this folder; text is escaped, and a value that is missing is an error."""
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = jinja.from_string(_read(file))
    return template.render(style=_read("page.css"), **values)


def _read(file: str) -> str:
    return files(__package__).joinpath(file).read_text(encoding="utf-8")
