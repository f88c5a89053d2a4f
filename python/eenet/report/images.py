"""Example images: of the groups of Fig. 3, and by exit for a few classes (the paper's Fig. 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from eenet.data import ImageSet
from eenet.errors import counted
from eenet.report.assignments import Group
from eenet.report.inputs import Inputs
from eenet.report.page import Picture, Section
from eenet.report.style import WIDTH, Scheme, new_figure, short_name
from eenet.report.terms import CLASS_TERMS
from eenet.tasks.classification import of_classes
from eenet.text import of_many
from eenet.workflows.evaluate import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TILE = 64  # pixels of an example image
_GAP = 6
_COLUMNS = 8
_CLASSES = 4
_KINDS = ("right", "wrong, right at the last exit", "wrong, at the last exit too")
_FRAMES = ("right", "wrong", "none")  # of the three kinds: two colours of a scheme, or no frame
_LEGEND = (
    "Blue frame: right here; orange dashed frame: wrong here, right at the last exit; no frame: wrong here and there."
)


@dataclass(frozen=True)
class _Strip:
    """Example images in a row.

    Attributes:
        title: above them.
        rows: of the report set, at most `_COLUMNS`.
        borders: of each, see `_FRAMES`.
    """

    title: str
    rows: NDArray[np.int64]
    borders: Sequence[str]


def image_section(inputs: Inputs, images: ImageSet, rival: Evaluation, groups: Sequence[Group]) -> Section:
    """Pictures made of the images themselves."""
    combined = ""
    if inputs.policy.combiner is not None:
        combined = " The last exit answers here as in the schedule, combined with the exits before it."
    return Section(
        "images",
        "Images by exit",
        f"Examples drawn at random, by a seed, from the report set.{combined}",
        pictures=[_group_picture(inputs, images, rival, groups), *_class_pictures(inputs, images)],
    )


def _group_picture(inputs: Inputs, images: ImageSet, rival: Evaluation, groups: Sequence[Group]) -> Picture:
    random = np.random.default_rng(inputs.seed)
    ours, labels, kind = inputs.outcome, of_classes(inputs.report, "report").labels, _kinds(inputs)
    strips = []
    for group in (g for g in groups if g.letter):
        rows = _some(group.rows, _COLUMNS, random)
        borders = [_FRAMES[kind[row]] for row in rows]
        strips.append(_Strip(f"{group.letter}: {group.meaning} ({len(group.rows):,})", rows, borders))
    counts = ", ".join(f"{g.letter} {len(g.rows):,}" for g in groups if g.letter)
    moved = int((ours.exits != rival.exits).sum())
    return Picture(
        "group_examples",
        f"Groups A to E against {CLASS_TERMS.simple_name}",
        f"Rows of example images of each group. Samples in the groups: {counts}.",
        f"{_LEGEND} At another exit than with {CLASS_TERMS.simple_name}: {moved:,} of "
        f"{of_many(len(labels), 'sample')}. Below each image: its exit there → its exit here.",
        lambda scheme: _draw(
            strips, images, scheme, [[f"{rival.exits[r]} → {ours.exits[r]}" for r in s.rows] for s in strips]
        ),
    )


def _class_pictures(inputs: Inputs, images: ImageSet) -> list[Picture]:
    ours, labels = inputs.outcome, of_classes(inputs.report, "report").labels
    kind = _kinds(inputs)
    pictures = []
    for i, label in enumerate(example_classes(inputs)):
        name = short_name(inputs.bundle.class_names[label], 24)
        members = labels == label
        counts = [
            np.bincount(kind[members & (ours.exits == k)], minlength=len(_KINDS)) for k in range(len(inputs.costs))
        ]
        strips = [_class_strip(inputs, members, kind, k, counts[k]) for k in range(len(counts))]
        total = np.sum(counts, axis=0)
        exits = "; ".join(
            f"exit {k}: {c[0]} right, {c[1]} right at the last exit, {c[2]} wrong at both" for k, c in enumerate(counts)
        )
        pictures.append(
            Picture(
                f"images_by_exit_{i}",
                f"“{name}” by exit",
                f"Example images of class {name} by the exit at which they leave. {exits}.",
                f"{counted(total.sum(), 'sample')}: {total[0]} right, {total[1]} wrong but right at the last exit, "
                f"{total[2]} wrong at both. {_LEGEND} Mean exit {ours.exits[members].mean():.2f}, over all classes "
                f"{ours.exits.mean():.2f}.",
                partial(_draw, strips, images),
            )
        )
    return pictures


def _kinds(inputs: Inputs) -> NDArray[np.int64]:
    """Of each sample, an index into `_KINDS`: the last exit answers as the schedule has it answer."""
    last = inputs.report.qualities(inputs.policy.combiner)[:, -1]
    return np.where(inputs.outcome.qualities, 0, np.where(last, 1, 2))


def example_classes(inputs: Inputs) -> list[int]:
    """A few classes, from the one that full depth knows worst to the one that it knows best."""
    labels = of_classes(inputs.report, "report").labels
    right = inputs.report.qualities()[:, -1]
    present = np.unique(labels)
    accuracy = np.array([right[labels == label].mean() for label in present])
    ordered = present[np.argsort(accuracy, kind="stable")]
    places = np.linspace(0, len(ordered) - 1, min(_CLASSES, len(ordered))).round().astype(np.int64)
    return [int(label) for label in ordered[places]]


def _class_strip(
    inputs: Inputs, members: NDArray[np.bool_], kind: NDArray[np.int64], k: int, counts: NDArray[np.int64]
) -> _Strip:
    here = members & (inputs.outcome.exits == k)
    random = np.random.default_rng((inputs.seed, k))
    rows: list[NDArray[np.int64]] = []
    left = min(_COLUMNS, int(counts.sum()))
    for one in (2, 1, 0):  # the rare kinds first, in proportion, at least one of each
        wanted = min(int(counts[one]), left, max(1, round(_COLUMNS * int(counts[one]) / max(1, int(counts.sum())))))
        wanted = min(int(counts[0]), left) if one == 0 else wanted
        rows.insert(0, _some(np.flatnonzero(here & (kind == one)), wanted, random))
        left -= wanted
    borders = [_FRAMES[one] for one, some in enumerate(rows) for _ in some]
    title = f"exit {k}: {counts[0]} right / {counts[1]} right at the last / {counts[2]} wrong at both"
    return _Strip(title, np.concatenate(rows), borders)


def _some(rows: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    return random.choice(rows, min(count, len(rows)), replace=False)


def _draw(
    strips: Sequence[_Strip], images: ImageSet, scheme: Scheme, notes: Sequence[Sequence[str]] | None = None
) -> Figure:
    side = (WIDTH - 0.2) / _COLUMNS
    figure = new_figure(len(strips) * (side + (0.53 if notes else 0.38)) + 0.1)
    axes: NDArray[np.object_] = figure.subplots(len(strips), 1, squeeze=False)[:, 0]
    pitch = _TILE + 2 * _GAP
    for i, (ax, strip) in enumerate(zip(axes, strips, strict=True)):
        _draw_strip(ax, strip, images, scheme)
        for column, note in enumerate(notes[i] if notes else ()):
            ax.annotate(note, ((column + 0.5) * pitch, pitch), va="top", ha="center", fontsize=9, annotation_clip=False)
    return figure


def _draw_strip(axes: Axes, strip: _Strip, images: ImageSet, scheme: Scheme) -> None:
    from matplotlib.patches import Rectangle

    pitch = _TILE + 2 * _GAP
    axes.set_title(strip.title, loc="left", fontsize=9.5)
    axes.set(xlim=(0, pitch * _COLUMNS), ylim=(pitch, 0), aspect="equal")
    axes.set_axis_off()
    if len(strip.rows) == 0:
        axes.annotate("none", (_GAP, pitch / 2), va="center", color=scheme.ink)
    for column, (row, border) in enumerate(zip(strip.rows, strip.borders, strict=True)):
        left = column * pitch + _GAP
        axes.imshow(_thumbnail(images.images[row]), extent=(left, left + _TILE, _GAP + _TILE, _GAP), aspect="equal")
        if border != "none":
            frame = {"right": ("-", scheme.right), "wrong": ((0, (2, 1)), scheme.wrong)}[border]
            corner, size = (left - _GAP / 2, _GAP / 2), _TILE + _GAP
            axes.add_patch(
                Rectangle(corner, size, size, fill=False, linewidth=2, linestyle=frame[0], edgecolor=frame[1])
            )
    axes.set(xlim=(0, pitch * _COLUMNS), ylim=(pitch, 0))


def _thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = max(1, min(image.shape[:2]) // (2 * _TILE))
    return image[::step, ::step]
