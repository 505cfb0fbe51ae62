#!/bin/bash
# nvcc_log.sh LOG COMMAND...: runs nvcc, keeps what it and ptxas say in LOG, and shows the rest: warnings and errors.
log=$1
shift
"$@" 2> "$log"
status=$?
grep -vE '^ptxas info|^    [0-9]+ bytes stack frame|^$' "$log" >&2
exit $status
