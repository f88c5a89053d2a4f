#!/usr/bin/env bash
# Runs make's targets one after another, and says how long each took: wall time, and processor time (which does not
# depend on what else the machine does).
#
#     tools/run_stages.sh TARGET ...
set -uo pipefail
times=$(mktemp)
trap 'rm -f "$times"' EXIT
exec 3>&2
TIMEFORMAT='%0R %0U %0S'

status=0 table='' wall_sum=0 cpu_sum=0
for stage in "$@"; do
  { time "${MAKE:-make}" --no-print-directory "$stage" 2>&3; } 2>"$times" || status=$?
  read -r wall user system <"$times"
  cpu=$((user + system)) wall_sum=$((wall_sum + wall)) cpu_sum=$((cpu_sum + user + system))
  table+=$(printf '%-16s %4d:%02d %8d:%02d' "$stage" $((wall / 60)) $((wall % 60)) $((cpu / 60)) $((cpu % 60)))$'\n'
  [ $status -eq 0 ] || break
done
printf '== minutes            wall   processor\n%s' "$table"
printf '%-16s %4d:%02d %8d:%02d\n' "in all" $((wall_sum / 60)) $((wall_sum % 60)) $((cpu_sum / 60)) $((cpu_sum % 60))
[ $status -eq 0 ] || echo "failed: $stage"
exit $status
