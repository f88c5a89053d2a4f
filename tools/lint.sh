#!/usr/bin/env bash
# All checks of style and types that CI makes. pre-commit runs the same tools on changed files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stubs=$(mktemp -d) imports=$(mktemp)
trap 'rm -rf "$stubs" "$imports"' EXIT

ruff check .
ruff format --check .
git ls-files '*.h' '*.c' '*.cpp' | xargs clang-format --dry-run --Werror
git ls-files 'CMakeLists.txt' '*/CMakeLists.txt' '*.cmake' | xargs gersemi --check
mypy
python tools/check_docs.py
python tools/check_layers.py
PYTHONPATH=python:export lint-imports --no-logo --no-cache >"$imports" || { cat "$imports"; exit 1; }
# The stubs that ship are those that the pinned generator makes of the installed module.
tools/make_stubs.sh "$stubs"
diff -u python/eenet_rt/_core.pyi "$stubs/_core.pyi"
echo "lint: clean"
