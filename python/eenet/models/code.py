"""Networks of one's own: a builder in a module or a file, named as ``package.module:builder`` or ``file.py:builder``.

Whoever names one has its code run. So names come from people, never from files that are read.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from eenet.errors import TerminatedError, UserError, shorten

_MOST_TEXT = 300  # characters of what a user's code says
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_TOOLS = ("eenet", "eenet_export", "torch")


def names_code(name: str) -> bool:
    """Whether a network's name is that of code, not one of the registry."""
    return ":" in name


def code_name(name: str) -> str:
    """As checkpoints note it: without the folder of a file, which is another one elsewhere."""
    source, _, attribute = name.rpartition(":")
    return f"{Path(source).name if _is_file(source) else source}:{attribute}"


def load_builder(name: str) -> Callable[..., Any]:
    """Imports what a name says.

    Modules are looked for in the current folder, too, and the modules that a file imports in its own.

    Raises:
        UserError: no such module, file or attribute, or nothing that can be called; an exception in the code, with its
            place.
    """
    source, _, attribute = name.rpartition(":")
    if not source or not attribute:
        raise UserError(f"model {name!r}: expected package.module:builder or file.py:builder")
    module = _from_file(name, source) if _is_file(source) else _from_module(name, source)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            there = [n for n, value in vars(module).items() if callable(value) and _is_of(value, module)]
            raise UserError(f"model {name!r}: {source} has no {attribute!r}; it has {shorten(there) or 'no callable'}")
        found = getattr(found, part)
    if not callable(found):
        raise UserError(
            f"model {name!r}: {attribute} is of type {type(found).__name__}, expected a callable that returns a "
            "MultiExitNetwork"
        )
    try:
        inspect.signature(found)
    except (TypeError, ValueError) as error:
        raise UserError(f"model {name!r}: {attribute} does not say its parameters: {error}") from error
    builder: Callable[..., Any] = found
    return builder


def code_files(modules: Iterable[str]) -> list[Path]:
    """Files of modules, and of those that are loaded from the same folders or below: what they import of one's own.

    Args:
        modules: their names.

    Returns:
        Files in order, none of which is installed: versions of packages are not part of a network.
    """
    files = {name: file for name, module in list(sys.modules.items()) if (file := _file(module)) is not None}
    own = {files[name] for name in modules if name in files and not _is_installed(files[name])}
    folders = {Path(file).parent for file in own}
    beside = {
        file
        for file in files.values()
        if not folders.isdisjoint(Path(file).parents) and not (_is_installed(file) or _is_of_tools(file))
    }
    return [Path(file) for file in sorted(own | beside)]


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Goes around calls of a network's own code.

    Args:
        name: of the network.

    Raises:
        UserError: for an exception in that code; says which one, and in which file and line.
    """
    try:
        yield
    except (UserError, TerminatedError):
        raise
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())[:_MOST_TEXT]
        what = f"{type(error).__name__}{f': {text}' if text else ''}"
        raise UserError(f"model {name!r}: {_place(error)}{what}") from error


def _is_file(source: str) -> bool:
    return source.endswith(".py")


def _is_of(value: Any, module: ModuleType) -> bool:
    return getattr(value, "__module__", None) == module.__name__


def _from_module(name: str, source: str) -> ModuleType:
    _find_first(os.getcwd())
    try:
        with blaming(name):
            return importlib.import_module(source)
    except UserError as error:
        cause = error.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        if missing and f"{source}.".startswith(f"{missing}."):
            raise UserError(
                f"model {name!r}: there is no module {missing!r} in the current folder or on Python's path"
            ) from cause
        raise


def _from_file(name: str, source: str) -> ModuleType:
    path = Path(source).resolve()
    if not path.is_file():
        raise UserError(f"model {name!r}: {source} is no file")
    known = f"eenet_model_code:{path}"  # no name that an import could have
    if known in sys.modules:
        return sys.modules[known]
    _find_first(str(path.parent))
    spec = importlib.util.spec_from_file_location(known, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module  # dataclasses look for the module that they are in
    try:
        with blaming(name):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[known]
        raise
    return module


def _find_first(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _place(error: BaseException) -> str:
    """File and line in the code of a network; nothing where the error is not in it."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}: "
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_of_tools(frame.filename)]
    own = [frame for frame in frames if not _is_installed(frame.filename)] or frames
    return f"{own[-1].filename}, line {own[-1].lineno}: " if own else ""


def _is_of_tools(file: str) -> bool:
    """Whether a file is Python's, PyTorch's or ours."""
    library = file.startswith(_LIBRARY) and not _is_installed(file)
    return library or file.startswith(("<", *(_folder(name) for name in _TOOLS if name in sys.modules)))


def _folder(package: str) -> str:
    return os.path.dirname(str(sys.modules[package].__file__)) + os.sep


def _file(module: Any) -> str | None:
    """Of a module that is loaded; none where it has gone since, or lies in an archive."""
    # Not getattr, which has lazy modules import what they stand for.
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return os.path.abspath(file) if isinstance(file, str) and os.path.isfile(file) else None


def _is_installed(file: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
