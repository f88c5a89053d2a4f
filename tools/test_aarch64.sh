#!/usr/bin/env bash
# Builds for 64-bit Arm with Debian's cross compiler and runs the result under qemu: the C++ tests, then eenet-run with the
# Arm library of ONNX Runtime on real images, whose answers must be those that this machine gives.
#
#     tools/test_aarch64.sh PYTHON BUNDLE EENET_RUN
set -euo pipefail
python=$1 bundle=$2 native=$3
build=build/aarch64
bin=$(dirname "$python")

"$bin/cmake" -S . -B $build -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake -DCMAKE_BUILD_TYPE=Release \
  -DEENET_BUILD_TESTS=ON -DEENET_GTEST_SOURCE=/usr/src/googletest -DPython_EXECUTABLE="$python" \
  --log-level=WARNING -Wno-deprecated
"$bin/cmake" --build $build --parallel "$(nproc)" --target eenet_tests eenet_run >$build/build.log || { tail -n 40 $build/build.log; exit 1; }

tools/qemu_aarch64.sh $build/tests/cpp/eenet_tests --gtest_brief=1

library=$(ls $build/onnxruntime/onnxruntime/capi/libonnxruntime.so.* 2>/dev/null || true)
if [ -z "$library" ]; then
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --python-version 3.11 \
    --constraint requirements/constraints.txt --dest $build/wheels onnxruntime
  "$python" -m zipfile --extract $build/wheels/onnxruntime-*.whl $build/onnxruntime
  library=$(ls $build/onnxruntime/onnxruntime/capi/libonnxruntime.so.*)
fi
"$python" tools/compare_eenet_run.py "$bundle" --native "$native" \
  --other "tools/qemu_aarch64.sh $build/cpp/cli/eenet_run/eenet-run --ort-lib $library"
