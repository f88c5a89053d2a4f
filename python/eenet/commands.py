"""What all commands share: one line for a user's mistake, status 2, 130 after Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import eenet_rt
from eenet.errors import UserError


class ArgumentParser(argparse.ArgumentParser):
    """Help that shows defaults; a wrong argument is one line and status 2."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog, description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: error: {message}\n")


def run_command(name: str, command: Callable[[], None], *, interrupted: str) -> int:
    """Runs a command and returns its exit status.

    Args:
        name: of the command, before each message.
        command: the work.
        interrupted: what to say after Ctrl-C, of what is left and how to go on.
    """
    try:
        command()
    except (UserError, eenet_rt.EenetError, OSError) as error:
        print(f"{name}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; {interrupted}", file=sys.stderr)
        return 130
    return 0


def check_counts(arguments: argparse.Namespace, *options: str) -> None:
    """Refuses options whose number is below 1.

    Raises:
        UserError: one is.
    """
    for option in options:
        if getattr(arguments, option) < 1:
            raise UserError(f"--{option}: got {getattr(arguments, option)}, expected at least 1")
