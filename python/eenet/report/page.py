"""Sections of pictures, tables and numbers, and the page made of them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from eenet.errors import ArgumentError
from eenet.files import replacing, replacing_folder
from eenet.outputs import Sources, check_replaceable
from eenet.report.style import DARK, LIGHT, Scheme, render

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Number:
    """A big number.

    Attributes:
        value: with its unit.
        label: what it is.
        note: what it compares with.
        bad: worse than that; shown in red.
    """

    value: str
    label: str
    note: str = ""
    bad: bool = False


@dataclass(frozen=True)
class Clause:
    """A part of the verdict.

    Attributes:
        name: for programs.
        text: what is said.
        bad: not what one would wish; shown in red.
        unsure: neither good nor bad can be told, a warning; shown in grey as a headline, else in bold.
    """

    name: str
    text: str
    bad: bool
    unsure: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture with what is to be seen on it.

    Attributes:
        name: of its file, without ending.
        title: above it.
        alt: in place of it, for those who cannot see it.
        caption: what it shows, in figures.
        draw: draws it.
    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[Scheme], Figure]


@dataclass(frozen=True)
class Table:
    """A table; every column but the first is of numbers, unless ``text`` names it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    text: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Section:
    """A heading, what it is about, numbers, pictures and tables."""

    anchor: str
    title: str
    lead: str
    numbers: Sequence[Number] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    facts: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Page:
    """A whole report: the headline says what the verdict comes to, the rule when it would be another."""

    title: str
    headline: Clause
    rule: str
    verdict: Sequence[Clause]
    sections: Sequence[Section] = field(default_factory=tuple)


@dataclass(frozen=True)
class _Drawn:
    """A picture in both schemes, as data URLs."""

    light: str
    dark: str
    width: int
    height: int


def figures_folder(out: Path) -> Path:
    """Where the pictures of a page lie as files."""
    return out.with_name(f"{out.stem}_figures")


def check_output(out: Path, inputs: Sources) -> None:
    """Makes sure, before minutes of work, that a page can be written.

    Args:
        out: the page.
        inputs: what it is made of, by option: none of it is to be replaced.

    Raises:
        UserError: the page is a folder, its folder cannot be made, or that of the pictures holds something else.
        eenet_rt.InputError: something is there that cannot be replaced, or nothing can be written there.
    """
    if out.is_dir():
        raise ArgumentError("out", f"{out} is a folder, expected a file name such as report.html")
    check_replaceable(out, folder=False, inputs=inputs)
    folder = figures_folder(out)
    foreign = [p.name for p in folder.iterdir() if p.suffix != ".png"] if folder.is_dir() else []
    if foreign or (folder.exists() and not folder.is_dir()):
        raise ArgumentError("out", f"{folder} holds {(foreign or ['no pictures'])[0]}, which a report would replace")
    check_replaceable(folder, folder=True, inputs=inputs)


def write_page(page: Page, out: Path) -> list[str]:
    """Writes a page and, in a folder beside it, its pictures; both whole or not at all.

    Args:
        page: what to write.
        out: the HTML file.

    Returns:
        Names of the picture files.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("eenet.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["code"] = _with_code
    pictures_folder = replacing_folder(figures_folder(out), ours=lambda name: name.endswith(".png"))
    with pictures_folder as folder, replacing(out) as file:
        folder.mkdir()
        drawn = {}
        pictures = [picture for section in page.sections for picture in section.pictures]
        for picture in tqdm(pictures, "draw", disable=None, leave=False):
            light, dark = render(picture.draw, LIGHT), render(picture.draw, DARK)
            (folder / f"{picture.name}.png").write_bytes(light)
            drawn[picture.name] = _Drawn(_data_url(light), _data_url(dark), *_size(light))
        html = environment.get_template("report.html").render(page=page, drawn=drawn, light=LIGHT, dark=DARK)
        file.write_text(html, encoding="utf-8")
    return [f"{name}.png" for name in drawn]


def _with_code(text: str) -> Markup:
    """HTML of a text that has commands in backquotes."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG file, from its header."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
