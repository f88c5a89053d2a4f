#!/usr/bin/env bash
# Runs a program for 64-bit Arm as on a Cortex-A72, with the libraries of Debian's cross compiler.
#
#     tools/qemu_aarch64.sh PROGRAM [ARGUMENT ...]
#
# qemu 7.2 shows programs this machine's /proc/cpuinfo, and ONNX Runtime does not survive one that is not of an Arm processor. What is
# under the folder given with -L goes first, so an Arm one lies there.
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
ln -s /usr/aarch64-linux-gnu/lib "$root/lib"
mkdir "$root/proc"
for ((i = 0; i < $(nproc --all); i++)); do
  cat <<END
processor	: $i
Features	: fp asimd evtstrm crc32 cpuid
CPU implementer	: 0x41
CPU architecture: 8
CPU variant	: 0x0
CPU part	: 0xd08
CPU revision	: 3

END
done >"$root/proc/cpuinfo"
qemu-aarch64 -cpu cortex-a72 -L "$root" "$@"
