#!/usr/bin/env bash
# Build every guest program and prove on this Linux that its output is stable: each is run N times, and every
# run must print the same bytes and end the same way. Runs alternate between /tmp and /dev/shm, so a program
# whose output depends on the file system shows too.
#
#   check-native.sh [-n RUNS] [-j JOBS] [-l LOADERS] [-o DIR] [FILTER...]
#
#   -n  runs of each program (default 3)          -j  programs at a time (default 2)
#   -l  busy loops kept running meanwhile (default 0): instability under load shows
#   -o  cache directory for binaries and outputs (default ${TMPDIR:-/tmp}/sandbox-guests)
#   FILTER  substrings of topic/name; none means all
#
# A program may state, in `// key: value` lines before its first comment:
#   // flags: -static        extra compiler flags        // cc: musl-gcc   another compiler (skipped if missing)
#   // exit: 7               the exit status it must end with, or a signal: // exit: SIGSEGV (default 0)
# Exit status: 0 when all are stable.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
runs=3 jobs=2 load=0 cache=${TMPDIR:-/tmp}/sandbox-guests
while getopts n:j:l:o: o; do
  case $o in n) runs=$OPTARG ;; j) jobs=$OPTARG ;; l) load=$OPTARG ;; o) cache=$OPTARG ;; *) exit 2 ;; esac
done
shift $((OPTIND - 1))
mkdir -p "$cache"

header() { sed -n '/^\/\/ [a-z]*:/!q;s/^\/\/ '"$2"': *//p' "$1"; }
signal_number() { kill -l "${1#SIG}"; }

check_one() {
  local name=$1 src=$here/$1.c bin=$cache/$1 cc flags want out rc first_rc i begin end slow=
  cc=$(header "$src" cc) flags=$(header "$src" flags) want=$(header "$src" exit)
  cc=${cc:-gcc} want=${want:-0}
  case $want in SIG*) want=$((128 + $(signal_number "$want"))) ;; esac
  command -v "$cc" >/dev/null || { echo "SKIP $name (no $cc)"; return 0; }
  mkdir -p "$(dirname "$bin")"
  if [ ! -e "$bin" ] || [ "$src" -nt "$bin" ] || [ "$here/guest.h" -nt "$bin" ]; then
    # shellcheck disable=SC2086
    "$cc" -O1 -pthread -Wall -Wno-nonnull -Wno-unused-result -Wno-stringop-overflow -Wno-stringop-overread -Wno-format-truncation -I"$here" -o "$bin" "$src" $flags 2>"$bin.err" ||
      { echo "BUILD $name"; sed -n 1,12p "$bin.err"; return 1; }
    [ -s "$bin.err" ] && { echo "WARN $name"; sed -n 1,8p "$bin.err"; }
  fi
  for ((i = 1; i <= runs; i++)); do
    out=$bin.out; [ "$i" -gt 1 ] && out=$bin.again
    local tmp=/tmp; [ $((i % 2)) = 0 ] && [ -w /dev/shm ] && tmp=/dev/shm
    begin=$(date +%s%N)
    GUEST_TMP=$tmp timeout -s KILL 10 "$bin" >"$out" 2>"$bin.stderr" </dev/null
    rc=$?
    end=$(date +%s%N)
    [ $(((end - begin) / 1000000)) -gt 5000 ] && slow=1
    if [ "$rc" != "$want" ]; then echo "EXIT $name: $rc, not $want (run $i)"; tail -n 3 "$out" "$bin.stderr"; return 1; fi
    if grep -q 'SETUP FAILED' "$out"; then echo "SETUP $name"; tail -n 2 "$out"; return 1; fi
    if [ "$i" -gt 1 ] && ! cmp -s "$bin.out" "$out"; then
      echo "UNSTABLE $name (run $i)"; diff "$bin.out" "$out" | sed -n 1,10p; return 1
    fi
  done
  [ -s "$bin.out" ] || { echo "SILENT $name"; return 1; }
  [ -n "$slow" ] && { echo "SLOW $name"; [ "$load" != 0 ]; return; }
  return 0
}

if [ "${CHECK_ONE:-}" ]; then
  status=0
  for name; do check_one "$name" || status=1; done
  exit $status
fi

mapfile -t all < <(cd "$here" && find . -mindepth 2 -name '*.c' | sed 's|^\./||;s|\.c$||' | sort)
chosen=()
for name in "${all[@]}"; do
  if [ $# = 0 ]; then chosen+=("$name"); continue; fi
  for f; do case $name in *"$f"*) chosen+=("$name"); break ;; esac; done
done
loaders=()
for ((i = 0; i < load; i++)); do (while :; do :; done) & loaders+=($!); done
[ ${#loaders[@]} -gt 0 ] && trap 'kill "${loaders[@]}" 2>/dev/null' EXIT
status=0
printf '%s\0' "${chosen[@]}" | CHECK_ONE=1 xargs -0 -n 1 -P "$jobs" "$0" -n "$runs" -l "$load" -o "$cache" || status=1
echo "${#chosen[@]} programs, $runs runs each: $([ $status = 0 ] && echo 'all stable' || echo 'see above')"
exit $status
