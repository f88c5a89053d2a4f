#!/usr/bin/env bash
# All checks of style and types that CI makes. pre-commit runs the same tools on changed files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ruff check .
ruff format --check .
git ls-files '*.h' '*.c' '*.cpp' | xargs clang-format --dry-run --Werror
git ls-files 'CMakeLists.txt' '*/CMakeLists.txt' '*.cmake' | xargs gersemi --check
mypy
python tools/check_docs.py
# The stubs that ship are those that the pinned generator makes of the installed module.
stubs=$(mktemp -d)
trap 'rm -rf "$stubs"' EXIT
tools/make_stubs.sh "$stubs"
diff -u python/eenet_rt/_core.pyi "$stubs/_core.pyi"
echo "lint: clean"
