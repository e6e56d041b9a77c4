"""The layout that the design promises: small files, named after their ideas, with documented public names."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("supernet", "selection", "darts_ext")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
SUBPACKAGES = [
    name
    for package in PACKAGES
    for name in [
        package,
        *(found.name for found in pkgutil.walk_packages([str(ROOT / package)], f"{package}.") if found.ispkg),
    ]
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short_and_named_after_its_idea(path):
    assert len(path.read_text().splitlines()) <= 300
    assert path.stem not in ("utils", "helpers", "common", "misc", "util", "helper")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_has_at_most_50_lines(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            assert node.end_lineno - first + 1 <= 50, f"{node.name} is too long"


def test_the_packages_are_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
    assert len(FILES) > 30
    assert {"supernet.spaces", "selection.measures", "darts_ext.data"} <= set(SUBPACKAGES)


def test_the_formatter_lays_out_every_line():
    folders = (*PACKAGES, "benchmarks", "examples", "tests")
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    switch = re.compile(r"#\s*(fmt|yapf)\s*:")
    assert [str(path.relative_to(ROOT)) for path in files if switch.search(path.read_text())] == []


def test_tests_are_no_package():
    assert not list((ROOT / "tests").rglob("__init__.py"))


@pytest.mark.parametrize("name", SUBPACKAGES)
def test_public_names_exist_and_are_documented(name):
    package = importlib.import_module(name)
    assert inspect.getdoc(package), f"{name} says nothing about itself"
    names = getattr(package, "__all__", [])
    assert len(set(names)) == len(names)
    for public in names:
        thing = getattr(package, public)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (thing.__doc__ or "").strip(), f"{name}.{public} has no docstring"


@pytest.mark.parametrize("name", PACKAGES)
def test_public_methods_are_documented(name):
    package = importlib.import_module(name)
    for public in getattr(package, "__all__", []):
        thing = getattr(package, public)
        for attribute, method in vars(thing).items() if inspect.isclass(thing) else ():
            if inspect.isfunction(method) and not attribute.startswith("_") and method.__module__.startswith(name):
                assert inspect.getdoc(method), f"{name}.{public}.{attribute} has no docstring"


MAP = ROOT / "docs" / "architecture.md"
PLACEHOLDERS = re.compile("NAME|CODE|STAGE")  # in recipes: any file of that form


def read_paths():
    """Every file and folder that the map of the code names, each with the package whose rooms are listed there."""
    paths = []
    package = ""
    for line in MAP.read_text().splitlines():
        if line.startswith("#"):
            heading = re.match(r"### `(\w+)/`", line)
            package = heading[1] if heading else ""
        named = re.findall(r"`([\w./-]+(?:\.py|/))`", line)
        named += re.findall(r"^  ([\w/]+(?:\.py|/)) ", line)  # in the way of a criterion
        paths += [(name, package) for name in named]
    return sorted(set(paths))


def list_places(package):
    """The folders in which a path of the map may begin."""
    if package:
        return [ROOT, ROOT / package, *list_folders(ROOT / package)]
    packages = [ROOT / name for name in PACKAGES]
    tests = [path for path in (ROOT / "tests").rglob("*") if path.is_dir()]
    return [ROOT, *packages, *list_folders(ROOT / "darts_ext"), *tests]


def list_folders(place):
    return [path for path in place.iterdir() if path.is_dir()]


@pytest.mark.parametrize(("name", "package"), read_paths())
def test_the_map_of_the_code_names_what_exists(name, package):
    form = PLACEHOLDERS.sub("*", name)
    matches = [match for place in list_places(package) for match in place.glob(form)]
    assert matches, f"docs/architecture.md names {name}, which does not exist"


def test_the_map_of_the_code_is_looked_at():
    paths = read_paths()
    assert {("spelling.py", "selection"), ("mixed.py", "supernet"), ("rank/", "darts_ext")} <= set(paths)
    assert ("select/selector.py", "") in paths, "the way of a criterion"
    assert len(paths) > 60


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_of_a_package_is_on_the_map(package):
    rooms = {path.name for path in (ROOT / package).iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    named = {name.split("/")[-2] for name, _ in read_paths() if name.endswith("/")}
    assert rooms <= named
