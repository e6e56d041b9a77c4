"""The layout that the design promises: small files, named after their ideas, with documented public names."""

import importlib
import inspect
import pkgutil
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


def test_the_packages_are_looked_at():
    assert {path.relative_to(ROOT).parts[0] for path in FILES} == set(PACKAGES)
    assert len(FILES) > 30
    assert {"supernet.spaces", "selection.measures", "darts_ext.data"} <= set(SUBPACKAGES)


def test_the_formatter_lays_out_every_line():
    folders = (*PACKAGES, "benchmarks", "examples", "tests")
    files = [*ROOT.glob("*.py"), *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    switch = "# fmt" + ":"
    assert [str(path.relative_to(ROOT)) for path in files if switch in path.read_text()] == []


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
