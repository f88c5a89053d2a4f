"""Checks the Markdown pages of the repository: lines of at most 100 columns, and links that lead somewhere.

Run: python tools/check_docs.py [FOLDER]

Tables may be wider. Links to files, and to headings in them, must exist; addresses outside are not asked for.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

COLUMNS = 100
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
REFERENCE = re.compile(r"^\[[^\]]+\]: +(\S+)", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
    pages = subprocess.run(["git", "ls-files", "*.md"], cwd=root, check=True, capture_output=True, text=True)
    problems = [problem for name in pages.stdout.splitlines() for problem in check(root, root / name)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


def check(root: Path, page: Path) -> Iterator[str]:
    """What is wrong with a page, a line each."""
    text = page.read_text("utf-8")
    name = page.relative_to(root)
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS and not line.startswith("|"):
            yield f"{name}:{number}: {len(line)} columns, expected at most {COLUMNS}"
    # Links may be broken over lines, but not inside of their address.
    prose = CODE.sub("", FENCE.sub("", text))
    for target in [*LINK.findall(re.sub(r"\n *", " ", prose)), *REFERENCE.findall(prose)]:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            yield f"{name}: link to {target}: no such file"
        elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text("utf-8"))):
            yield f"{name}: link to {target}: no such heading"


def anchors(text: str) -> set[str]:
    """What headings are called in links: lower case, punctuation dropped, blanks as hyphens."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.*)$", FENCE.sub("", text), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        count = 0
        while (anchor if count == 0 else f"{anchor}-{count}") in found:
            count += 1
        found.add(anchor if count == 0 else f"{anchor}-{count}")
    return found


if __name__ == "__main__":
    sys.exit(main())
