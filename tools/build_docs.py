"""Builds the site of the docs into build/docs/site; a warning is an error.

Run in an environment that has mkdocs-material and mkdocstrings, as `make docs` does.

MkDocs wants its pages in one folder of their own: those of the repository are copied side by side as they are, so that
links between them lead to the same places.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("LICENSE", "NOTICE", "docs", "*.md")


def main() -> int:
    pages = ROOT / "build" / "docs" / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FILES],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if name.startswith("docs/") or "/" not in name:
            (pages / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, pages / name)
    # The theme's advertisement of its successor is no warning of ours.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run([sys.executable, "-m", "mkdocs", "build"], cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
