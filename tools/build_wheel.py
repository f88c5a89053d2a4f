"""Builds the sdist, and the wheel from it: what the sdist lacks, the wheel lacks, and the tests of the wheel fail.

    tools/build_wheel.py OUT    # needs the package `build`

The sdist is unpacked in build/sdist, where the next build compiles only what changed.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

from build import BuildBackendException, ProjectBuilder, check_dependency
from pyproject_hooks import quiet_subprocess_runner

ROOT = Path(__file__).resolve().parents[1]


def install(requirements: set[str]) -> None:
    """Installs what is missing beside this interpreter: all would be compiled anew in a fresh environment."""
    missing = [requirement for requirement in sorted(requirements) if any(check_dependency(requirement))]
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--constraint", ROOT / "requirements" / "constraints.txt", *missing], check=True)


def build(source: Path, kind: str, out: Path) -> Path:
    builder = ProjectBuilder(source, runner=quiet_subprocess_runner)
    install(builder.build_system_requires)
    install(builder.get_requires_for_build(kind))
    return Path(builder.build(kind, out))


def unpack(sdist: Path, folder: Path) -> None:
    """Replaces the folder by what the sdist holds; files that did not change keep their time, and the build its own."""
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    subprocess.run(["tar", "-xmzf", sdist, "--strip-components=1", "-C", new], check=True)
    for path in filter(Path.is_file, new.rglob("*")):
        old = folder / path.relative_to(new)
        if old.is_file() and filecmp.cmp(old, path, shallow=False):
            shutil.copystat(old, path)
    if (folder / "build").is_dir():
        (folder / "build").rename(new / "build")
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def main() -> int:
    out, tree = Path(sys.argv[1]).resolve(), ROOT / "build" / "sdist"
    shutil.rmtree(out, ignore_errors=True)
    try:
        unpack(build(ROOT, "sdist", out), tree)
        print("== compile the wheel, which takes some minutes; the next time only what changed", flush=True)
        build(tree, "wheel", out)
    except BuildBackendException as error:
        if isinstance(error.exception, subprocess.CalledProcessError):
            sys.stderr.buffer.write(error.exception.output)
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
