#!/usr/bin/env bash
# Generates the stubs of the installed eenet_rt._core:  tools/make_stubs.sh FOLDER  (python/eenet_rt to renew those that ship)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Outside the source tree, so that the installed module is imported.
(cd "$work" && python -m pybind11_stubgen eenet_rt._core --output-dir "$work" --exit-code >/dev/null)
ruff format --quiet --config "$root/pyproject.toml" "$work/eenet_rt/_core.pyi"
cp "$work/eenet_rt/_core.pyi" "$out/_core.pyi"
