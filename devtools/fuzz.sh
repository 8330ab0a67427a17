#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the fuzz targets with libFuzzer and sanitizers, and runs them.
set -uo pipefail

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-fuzz
corpus=$tree/app/test/fuzz/corpus
targets=()
seconds=60
jobs=1

usage() {
	cat <<'END'
Usage: devtools/fuzz.sh [--target NAME]... [--seconds N] [--jobs N] [--help]

Builds the fuzz targets (app/test/fuzz/fuzz_*.c) with clang, libFuzzer, ASan and
UBSan into build-fuzz, and runs each, from the committed corpus and from what
earlier runs have found interesting.

  --target NAME   only this one (rndis_packet, hvsim_data, ...); may be repeated
  --seconds N     how long each runs (default 60; 0: until interrupted)
  --jobs N        how many run at a time (default 1)

Fails if one of them found something. What it found lies in build-fuzz/finds/NAME,
outside the corpus; build-fuzz/corpus/NAME holds what gave new coverage.

To keep a find as a regression: make it small with
  build-fuzz/app/test/fuzz/fuzz_NAME -minimize_crash=1 -runs=100000 FILE
write a unit test for what is wrong, repair it, and copy the file, under a name
that says what it is, to app/test/fuzz/corpus/NAME: `meson test` replays it.
END
}

while [ $# -gt 0 ]; do
	case $1 in
	--target) targets+=("${2:?--target needs a name}"); shift ;;
	--seconds) seconds=${2:?--seconds needs a number}; shift ;;
	--jobs) jobs=${2:?--jobs needs a number}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) echo "fuzz.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
for number in "$seconds" "$jobs"; do
	[[ $number =~ ^[0-9]+$ ]] || { echo "fuzz.sh: '$number' is no number" >&2; exit 2; }
done

if [ ! -f "$build/build.ninja" ]; then
	CC=clang meson setup "$build" "$tree" -Dfuzz=true -Doptimization=1 \
		-Db_sanitize=address,undefined -Db_lundef=false >/dev/null || exit 1
fi
ninja -C "$build" fuzzers >"$build/fuzzers.log" 2>&1 || { tail -n 40 "$build/fuzzers.log"; exit 1; }

if [ ${#targets[@]} -eq 0 ]; then
	for program in "$build"/app/test/fuzz/fuzz_*; do
		[ -f "$program" ] && [ -x "$program" ] && targets+=("${program##*/fuzz_}")
	done
fi

run() { # target
	local name=$1 program=$build/app/test/fuzz/fuzz_$1 finds=$build/finds/$1 ret
	mkdir -p "$finds" "$build/corpus/$name"
	"$program" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 -max_len=8192 \
		-print_final_stats=1 -close_fd_mask=3 -artifact_prefix="$finds/" "$build/corpus/$name" \
		"$corpus/$name" >"$build/finds/$name.log" 2>&1
	ret=$?
	printf '%-16s %s, %s executions, coverage %s\n' "$name" \
		"$([ $ret -eq 0 ] && echo "nothing found" || echo "FOUND, see $finds.log")" \
		"$(sed -n 's/^stat::number_of_executed_units: *//p' "$finds.log")" \
		"$(grep -o 'cov: [0-9]*' "$finds.log" | tail -n 1 | cut -c 6-)"
	return $ret
}

bad=0
running=0
for name in "${targets[@]}"; do
	if [ ! -x "$build/app/test/fuzz/fuzz_$name" ]; then
		echo "fuzz.sh: there is no target '$name'" >&2
		exit 2
	fi
	run "$name" &
	running=$((running + 1))
	if [ "$running" -ge "$jobs" ]; then
		wait -n || bad=1
		running=$((running - 1))
	fi
done
while [ "$running" -gt 0 ]; do
	wait -n || bad=1
	running=$((running - 1))
done
exit $bad
