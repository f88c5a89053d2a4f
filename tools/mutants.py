"""Finds the mutants of a source file: places where a small change should make some test fail."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

_OPPOSITE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "/", "/": "*"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        path: of the file, from the root of the repository.
        start: offset in bytes of what is replaced.
        end: behind it.
        text: what takes its place.
        kind: of change.
    """

    path: str
    start: int
    end: int
    text: str
    kind: str

    def apply(self, source: bytes) -> bytes:
        """The file with the change."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def find_mutants(path: str, source: bytes) -> list[Mutant]:
    """All mutants of a file of C++ or Python, in the order of their places."""
    found = _python(source) if path.endswith(".py") else _cpp(source)
    mutants = {Mutant(path, start, end, text, kind) for start, end, text, kind in found}
    changed = (m for m in mutants if source[m.start : m.end] != m.text.encode())
    return sorted(changed, key=lambda m: (m.start, m.end, m.text))


_Change = tuple[int, int, str, str]


# --- Python: the syntax tree knows what is what, and where ---


def _python(source: bytes) -> Iterator[_Change]:
    tree = ast.parse(source)
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))

    def span(node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset

    def text(node: ast.expr | ast.stmt) -> str:
        start, end = span(node)
        return source[start:end].decode()

    def between(left: ast.expr, right: ast.expr) -> tuple[int, int]:
        return span(left)[1], span(right)[0]

    for node in _code(tree):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for left, right in itertools.pairwise(operands):
                yield from _operator(source, *between(left, right), "comparison")
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
            yield from _operator(source, *between(node.left, node.right), "arithmetic")
        elif isinstance(node, ast.BoolOp):
            for left, right in itertools.pairwise(node.values):
                yield from _word(source, *between(left, right), {"and": "or", "or": "and"}, "boolean operator")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield *span(node), text(node.operand), "negation"
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield *span(node), str(not node.value), "boolean constant"
        elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            yield *span(node), f"({text(node)} + 1)", "number"
            yield *span(node), f"({text(node)} - 1)", "number"
        elif isinstance(node, ast.If | ast.While | ast.IfExp):
            yield *span(node.test), f"(not ({text(node.test)}))", "negation"
        elif _can_go(node):
            yield *span(node), "pass", "deleted statement"
        if isinstance(node, ast.Call) and len(node.args) > 1:
            first, second = node.args[:2]
            if not isinstance(first, ast.Starred) and not isinstance(second, ast.Starred):
                joint = source[slice(*between(first, second))].decode()
                yield span(first)[0], span(second)[1], text(second) + joint + text(first), "swapped arguments"


def _can_go(node: ast.AST) -> TypeGuard[ast.stmt]:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    return isinstance(node, ast.Raise | ast.AugAssign | ast.Break | ast.Continue)


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that do something: no annotations, and nothing in f-strings, whose places old Pythons do not know."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns") or isinstance(value, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield child
                yield from _code(child)


def _operator(source: bytes, start: int, end: int, kind: str) -> Iterator[_Change]:
    found = re.search(rb"<=|>=|==|!=|[<>+*/-]", source[start:end])
    if found:
        yield start + found.start(), start + found.end(), _OPPOSITE[found.group().decode()], kind
        return
    words = {"not in": "in", "is not": "is", "in": "not in", "is": "is not"}
    yield from _word(source, start, end, words, kind)


def _word(source: bytes, start: int, end: int, words: dict[str, str], kind: str) -> Iterator[_Change]:
    for word, other in words.items():
        found = re.search(rf"\b{word}\b".encode(), source[start:end])
        if found:
            yield start + found.start(), start + found.end(), other, kind
            return


# --- C++: the text without comments and strings, as clang-format lays it out ---

_SKIPPED = re.compile(
    rb'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*'
    rb"|\bstatic_assert\(.*?\);|\btemplate <[^\n]*|\boperator[^\w\s(]+",
    re.DOTALL | re.MULTILINE,
)
# Digits may be parted by quotes, which are no characters then.
_PARTED = re.compile(rb"(?<=[0-9])'(?=[0-9])")
_WORD = r"[\w.\->:\[\]]+"
_CPP: tuple[tuple[str, str], ...] = (
    (r"(?<= )(?:<=|>=|==|!=|<|>)(?= )", "comparison"),
    (r"(?<= )[+*/-](?= )", "arithmetic"),
    (r"(?<= )(?:\+=|-=)(?= )|\+\+|--", "arithmetic"),
    (r"(?<= )(?:&&|\|\|)(?= )", "boolean operator"),
    (r"\b(?:true|false)\b", "boolean constant"),
    (r"(?<![\w.])\d+(?![\w.])", "number"),
)


def _cpp(source: bytes) -> Iterator[_Change]:
    code = _SKIPPED.sub(lambda match: b" " * len(match.group()), _PARTED.sub(b"0", source))
    # One byte a character, so that offsets are those of the file.
    text = code.decode("latin-1")
    for pattern, kind in _CPP:
        for found in re.finditer(pattern, text):
            written = source[found.start() : found.end()].decode(errors="replace")
            for other in _cpp_others(written.replace("'", "")):
                yield found.start(), found.end(), other, kind
    for found in re.finditer(r"(?<=[ (])!(?=[\w(])", text):
        yield found.start(), found.end(), "", "negation"
    for found in re.finditer(r"\b(?:if|while) \(", text):
        end = _closing(text, found.end() - 1)
        condition = source[found.end() : end].decode(errors="replace")
        if end > 0 and ";" not in text[found.end() : end] and not re.match(r"(const|auto)\b", condition):
            yield found.end(), end, f"!({condition})", "negation"
    for found in re.finditer(rf"^ +((?:::)?{_WORD}\(.*\);|throw .*;|{_WORD} [+-]= .*;|break;|continue;)$", text, re.M):
        yield found.start(1), found.end(1), ";", "deleted statement"
    for found in re.finditer(rf"\w\(({_WORD}), ({_WORD})(?=[,)])", text):
        both = source[found.start(1) : found.end(2)].decode(errors="replace").split(", ")
        yield found.start(1), found.end(2), ", ".join(reversed(both)), "swapped arguments"


def _cpp_others(operator: str) -> list[str]:
    if operator.isdigit():
        return [str(int(operator) + 1), *([str(int(operator) - 1)] if int(operator) else [])]
    pairs = {"&&": "||", "||": "&&", "true": "false", "false": "true", "++": "--", "--": "++", "+=": "-=", "-=": "+="}
    return [{**_OPPOSITE, **pairs}[operator]]


def _closing(text: str, start: int) -> int:
    """Where the bracket closes that opens there; 0 if nowhere."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "(") - (text[i] == ")")
        if depth == 0:
            return i
    return 0
