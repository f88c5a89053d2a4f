"""Fails unless two wheels hold the same files: one built from the tree, one from the sdist."""

from __future__ import annotations

import sys
import zipfile


def names(path: str) -> set[str]:
    with zipfile.ZipFile(path) as wheel:
        return set(wheel.namelist())


def main() -> int:
    tree, sdist = map(names, sys.argv[1:3])
    for name in sorted(tree ^ sdist):
        print(f"only in the wheel from the {'tree' if name in tree else 'sdist'}: {name}", file=sys.stderr)
    print(f"wheel from the sdist: {len(sdist)} files, as from the tree" if tree == sdist else "the wheels differ")
    return int(tree != sdist)


if __name__ == "__main__":
    sys.exit(main())
