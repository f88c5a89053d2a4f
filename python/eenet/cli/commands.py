"""What all commands share: one line for a user's mistake, status 2, 130 after Ctrl-C, 143 after SIGTERM."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TypeVar

import eenet_rt
from eenet.budgets import parse_budget, parse_budget_ms
from eenet.cli.command_warnings import warnings_shown
from eenet.cli.option_types import STRICT, number
from eenet.cli.output import message_lines, one_line, standard_streams
from eenet.errors import TerminatedError, UserError

_T = TypeVar("_T")
_MOST = {"threads": 1024, "repeats": 1_000_000}


class _HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows defaults, but for those that say nothing and where the help has them."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        says_nothing = action.default is None or action.default is False or action.default == ()
        if says_nothing or "(default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class ArgumentParser(argparse.ArgumentParser):
    """Help that shows defaults, ``--version``, strict types; a wrong argument is one line and status 2."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog, description=description, formatter_class=_HelpFormatter)
        self.add_argument("--version", action="version", version=f"{prog.split()[0]} {eenet_rt.__version__}")
        for kind, parse in STRICT.items():
            self.register("type", kind, parse)

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: error: {one_line(message)}\n")


def listed(parse: Callable[[str], _T]) -> Callable[[str], list[_T]]:
    """The type of an option of several values with commas between, beside `ExtendFlat`, which takes blanks, too."""
    return lambda text: [parse(part) for part in text.split(",")]


class ExtendFlat(argparse.Action):
    """Extends the option's values by those of each word, which `listed` parsed."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        before = getattr(namespace, self.dest) or []
        setattr(namespace, self.dest, [*before, *itertools.chain.from_iterable(values)])


# How ``--costs`` is parsed.
COSTS: dict[str, Any] = {
    "type": listed(number("numbers with commas or blanks between")),
    "nargs": "+",
    "action": ExtendFlat,
    "metavar": "COST",
}


def add_budgets(
    parser: ArgumentParser, *, what: str, required: bool = False, of_bundle: bool = False
) -> argparse._MutuallyExclusiveGroup:
    """Adds ``--budget`` and ``--budget-ms`` for one or more budgets; `given_budgets` reads them.

    Args:
        parser: gets the options.
        what: they are, for the help.
        required: at least one must come.
        of_bundle: the unit is that of a bundle unless ``--unit`` comes; ``--budget-ms`` does not set it.

    Returns:
        The group, for options that exclude budgets.
    """
    unit = "the unit of the schedules" if of_bundle else "the unit of the costs"
    budgets = parser.add_mutually_exclusive_group(required=required)
    budgets.add_argument(
        "--budget", type=listed(parse_budget), nargs="+", action=ExtendFlat, metavar="B",
        help=f"{what}: each a share of full cost, as 65%%, or a number in {unit}",
    )  # fmt: skip
    short = "the same, where that unit is ms" if of_bundle else "short for --budget B --unit ms"
    budgets.add_argument(
        "--budget-ms", type=listed(parse_budget_ms), nargs="+", action=ExtendFlat, metavar="B", help=short
    )
    return budgets


def given_budgets(arguments: argparse.Namespace) -> list[float | str]:
    """The budgets in the order in which they came, none without such an option.

    Raises:
        UserError: ``--budget-ms`` came with another ``--unit``.
    """
    unit = arguments.unit
    if arguments.budget_ms and unit not in (None, "ms"):
        raise UserError(f"--budget-ms: --unit {unit} came with it, give --budget")
    return list(arguments.budget_ms or arguments.budget or ())


def run_command(
    parser: ArgumentParser,
    command: Callable[[argparse.Namespace], None],
    argv: Sequence[str] | None,
    *,
    interrupted: str,
) -> int:
    """Parses arguments, runs a command and returns its exit status.

    Args:
        parser: whose program's name is before each message.
        command: the work.
        argv: the arguments; None: those of the process.
        interrupted: what to say after Ctrl-C or SIGTERM, of what is left and how to go on.
    """

    def work() -> None:
        arguments = parser.parse_args(argv)
        require_current_folder()
        command(arguments)

    return guarded(parser.prog, work, interrupted=interrupted)


def require_current_folder() -> None:
    """Refuses to work where relative paths lead nowhere; some libraries end the process there.

    Raises:
        UserError: the current folder was removed.
    """
    try:
        os.getcwd()
    except FileNotFoundError:
        raise UserError("the current folder was removed, change to another one") from None


def guarded(name: str, work: Callable[[], None], *, interrupted: str) -> int:
    """As `run_command`, for work that takes its arguments in another way."""
    try:
        with standard_streams(), warnings_shown(name), _clean_end_by_sigterm():
            work()
    except UserError as error:
        return fail(name, error.of_command())
    except eenet_rt.EenetError as error:
        return fail(name, str(error))
    except OSError as error:
        named = error.filename is not None and error.strerror
        return fail(name, f"{os.fsdecode(error.filename)}: {error.strerror}" if named else str(error))
    except MemoryError as error:
        return fail(name, f"the memory does not suffice{f': {error}' if str(error) else ''}")
    except KeyboardInterrupt:
        fail(name, f"interrupted; {interrupted}", begin="\n", kind="")
        return 130
    except TerminatedError:
        fail(name, f"terminated; {interrupted}", kind="")
        return 128 + signal.SIGTERM
    return 0


def _terminate(number: int, frame: object) -> NoReturn:
    raise TerminatedError(128 + number)


@contextmanager
def _clean_end_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the process as Ctrl-C does, with temporary files removed, and with its usual status."""
    handled = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM)
    if handled != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def fail(name: str, message: str, *, begin: str = "", kind: str = "error: ") -> int:
    """Prints one line of a command on standard error and returns 2."""
    with standard_streams():
        print(f"{begin}{name}: {kind}{message_lines(message)}", file=sys.stderr)
    return 2


def check_counts(arguments: argparse.Namespace, *options: str) -> None:
    """Refuses options whose number is below 1, or more than any machine or patience has.

    Raises:
        UserError: one is.
    """
    for option in options:
        if not 1 <= getattr(arguments, option) <= _MOST[option]:
            raise UserError(f"--{option}: got {getattr(arguments, option)}, expected 1 to {_MOST[option]}")


def check_seed(arguments: argparse.Namespace) -> None:
    """Refuses a ``--seed`` that no generator takes.

    Raises:
        UserError: it is one.
    """
    if not 0 <= arguments.seed < 2**63:
        raise UserError(f"--seed: got {arguments.seed}, expected 0 to 2^63 - 1")
