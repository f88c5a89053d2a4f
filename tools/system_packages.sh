#!/usr/bin/env bash
# Installs the Debian packages that are missing: Python's venv and headers, and the packages named.
#
#     tools/system_packages.sh PYTHON [PACKAGE ...]
set -euo pipefail
python=$1
shift

missing=()
if ! command -v "$python" >/dev/null; then
  missing+=(python3 python3-venv python3-dev)
else
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
  headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
  [ -f "$headers/Python.h" ] || missing+=(python3-dev)
fi
for package in "$@"; do
  # A command, or a package without a command of its name.
  command -v "$package" >/dev/null || dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "== system packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "please install: ${missing[*]}" >&2
  exit 2
fi
sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)
"${sudo[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
