"""The process that measures for `eenet.workflows.profile`; no command of its own."""

from __future__ import annotations

import json
import sys

from eenet.cli.commands import guarded
from eenet.workflows.profile import measure_here


def main(samples: str, threads: str, repeats: str, provider: str, answers: str, *bundles: str) -> int:
    """Prints what `measure_here` returns, as JSON; returns the exit status."""

    def command() -> None:
        combined = answers == "combined"
        print(json.dumps(measure_here(samples, int(threads), int(repeats), provider, combined, *bundles)))

    return guarded("measure", command, interrupted="nothing was measured")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
