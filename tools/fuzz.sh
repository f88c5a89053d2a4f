#!/usr/bin/env bash
# Runs every fuzz target for some seconds: tools/fuzz.sh BUILD SECONDS [TARGET ...]. What is found new stays in BUILD/corpus
# for the next run; an input that fails is in BUILD, and named. Needs a Python that has eenet_rt and ONNX Runtime.
set -euo pipefail
build=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)

python "$here/cpp/fuzz/make_seeds.py" "$build/seeds"
[ $# -gt 0 ] || set -- bundle c_api handoff manifest npy onnx_file safetensors schedules
failed=()
for target in "$@"; do
  mkdir -p "$build/corpus/$target"
  log=$build/$target.log
  if "$build/cpp/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=8192 -print_final_stats=1 \
    -dict="$build/seeds/words.dict" -artifact_prefix="$build/$target-" \
    "$build/corpus/$target" "$build/seeds/$target" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "fuzz_$target: $runs runs, $(grep -o 'cov: [0-9]*' "$log" | tail -n 1), nothing found"
  else
    tail -n 60 "$log"
    failed+=("$target")
  fi
done
if [ ${#failed[@]} -gt 0 ]; then
  echo "fuzz: failed: ${failed[*]}" >&2
  exit 1
fi
