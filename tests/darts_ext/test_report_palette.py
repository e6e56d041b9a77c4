"""The colours, by the definitions of WCAG, CIE and Machado et al. 2009 (severity 1)."""

import math
from itertools import combinations

import pytest
from report_folders import NB201, OPERATIONS

from darts_ext.report.charts.palette import assign_looks, pick_ink

TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
EYES = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def times(matrix, vector):
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def linear(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def lab(rgb):
    xyz = times(TO_XYZ, [min(max(channel, 0), 1) for channel in rgb])
    white = times(TO_XYZ, [1, 1, 1])
    x, y, z = (compress(value / full) for value, full in zip(xyz, white, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def compress(share):
    return share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116


def contrast(a, b):
    dark, light = sorted(times(TO_XYZ, linear(colour))[1] + 0.05 for colour in (a, b))
    return light / dark


@pytest.mark.parametrize("space", [OPERATIONS, NB201], ids=["darts", "nasbench201"])
@pytest.mark.parametrize("eye", EYES)
def test_colours_stay_apart_for_every_eye(space, eye):
    perceived = [lab(times(EYES[eye], linear(look.colour))) for look in assign_looks(space).values()]
    assert min(math.dist(a, b) for a, b in combinations(perceived, 2)) > 20


@pytest.mark.parametrize("page", ["#ffffff", "#16181d"], ids=["light", "dark"])
def test_colours_show_on_the_page(page):
    for look in assign_looks(OPERATIONS + NB201).values():
        assert contrast(look.colour, page) > 2.8


def test_words_show_on_every_colour():
    full = {"#fff": "#ffffff", "#111": "#111111"}
    for look in assign_looks(OPERATIONS + NB201).values():
        assert contrast(look.colour, full[pick_ink(look.colour)]) >= 4


def test_unknown_names_get_looks_of_their_own():
    names = [f"activation{i}" for i in range(20)] + OPERATIONS
    assert len(set(assign_looks(names).values())) == len(names)


def test_known_operations_always_look_the_same():
    looks = assign_looks([f"activation{i}" for i in range(20)] + OPERATIONS)
    for name in OPERATIONS:
        assert looks[name] == assign_looks([name])[name]
