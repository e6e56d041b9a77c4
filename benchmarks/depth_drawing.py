"""The picture of depth_decides.py: test accuracy over the number of hidden layers, a curve for each criterion."""

import math

from markupsafe import Markup

from darts_ext.report.charts.axes import Frame, find_ticks, rule, tick_label
from darts_ext.report.charts.palette import Look, assign_looks
from darts_ext.report.charts.svg import drawing, element, text
from darts_ext.report.labels import BASELINES, label_criterion

WIDTH, HEIGHT = 760, 420  # pixels
SPREAD = 5  # pixels between the bars of two criteria at one depth
CHANCE = 10  # per cent, of ten classes


def draw_depths(rows: list[dict], width: int) -> str:
    """Draws a curve for each criterion: mean test accuracy over depth, a bar from its worst to its best seed."""
    depths = sorted({row["depth"] for row in rows})
    criteria = list(dict.fromkeys(row["criterion"] for row in rows))
    looks = assign_looks(criteria)
    for name in set(BASELINES) & set(criteria):
        looks[name] = Look(looks[name].colour, "5 3")
    frame = Frame(44, WIDTH - 190, 52, HEIGHT - 40, math.log(depths[0]) - 0.1, math.log(depths[-1]) + 0.1, 0, 100)
    pieces = [*frame.draw_levels(find_ticks(0, 100)), *draw_depth_axis(frame, depths)]
    for place, criterion in enumerate(criteria):
        shift = SPREAD * (place - (len(criteria) - 1) / 2)
        curve = [row for row in rows if row["criterion"] == criterion]
        pieces += draw_curve(curve, frame, looks[criterion], shift)
        y = frame.top + 8 + 20 * place
        pieces.append(draw_stroke(f"M{frame.right + 12:.1f} {y:.1f}h22", looks[criterion], 2.2))
        pieces.append(text(frame.right + 40, y + 4, label_criterion(criterion), size=11))
    title = "Test accuracy (%) of what each criterion chooses, by hidden layers"
    seeds = min(row["seeds"] for row in rows)
    note = f"digits, {width} nodes a layer; mean of {seeds} seeds, bars from the worst to the best of them"
    style = "@media (prefers-color-scheme: dark) { svg:root { color: #ddd } }"
    return drawing(
        WIDTH,
        HEIGHT,
        title,
        element("style", style),
        text(4, 17, title, size=14, font_weight=600),
        text(4, 35, note, size=12, opacity=0.8),
        *pieces,
    )


def draw_depth_axis(frame: Frame, depths: list[int]) -> list[Markup]:
    """Draws the axis of depths, which is logarithmic, and the level of chance."""
    marks = [tick_label(frame.x(math.log(depth)), frame.foot + 14, depth) for depth in depths]
    label = text((frame.left + frame.right) / 2, frame.foot + 32, "hidden layers", size=11, anchor="middle")
    chance = rule(frame.left, frame.y(CHANCE), frame.right, frame.y(CHANCE), opacity=0.6)
    word = text(frame.right + 4, frame.y(CHANCE) + 4, "chance", size=11)
    return [*marks, label, rule(frame.left, frame.foot, frame.right, frame.foot, opacity=0.5), chance, word]


def draw_curve(rows: list[dict], frame: Frame, look: Look, shift: float) -> list[Markup]:
    """Draws the means as a line, and the range of the seeds as a bar at every depth."""
    points = [(frame.x(math.log(row["depth"])) + shift, frame.y(row["mean"])) for row in rows]
    bars = []
    for row, (x, y) in zip(rows, points):
        bars.append(draw_stroke(f"M{x:.1f} {frame.y(row['worst']):.1f}V{frame.y(row['best']):.1f}", look, 1.1, 0.6))
        bars.append(element("circle", cx=x, cy=y, r=3, fill=look.colour))
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return [*bars, draw_stroke(line, look, 2.0)]


def draw_stroke(path: str, look: Look, width: float, opacity: float = 1.0) -> Markup:
    """Draws a path in the colour and dashes of a criterion."""
    return element(
        "path",
        d=path,
        fill="none",
        stroke=look.colour,
        stroke_width=width,
        stroke_dasharray=look.dash or None,
        stroke_opacity=opacity,
    )
