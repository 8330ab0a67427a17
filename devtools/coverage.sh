#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# How much of the drivers the tests run. The last line is
# "coverage: lines N% branches N%".
set -uo pipefail

usage() {
	cat <<'END'
Usage: devtools/coverage.sh [--quick] [--html DIR] [--build DIR] [--no-run] [--help]

Builds the tree with counters in drivers/, runs the tests, and says how many of
the drivers' lines and branches they ran. Log lines and assertions are left out.
What stays without a run is explained in doc/design/coverage.md. Fails if a test
fails, or if there are less than 92 % of the lines or 80 % of the branches.

  --quick      the unit programs only; nothing fails for being too little
  --html DIR   also write pages that show each line
  --build DIR  where to build (default: build-coverage in the tree)
  --no-run     report again what the last run counted
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-coverage
quick=0
run=1
html=()
while [ $# -gt 0 ]; do
	case $1 in
	--quick) quick=1 ;;
	--html) mkdir -p "${2:?--html needs a folder}"; html=(--html-details "$2/index.html"); shift ;;
	--build) build=${2:?--build needs a folder}; shift ;;
	--no-run) run=0 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "coverage.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
command -v gcovr >/dev/null || { echo "coverage.sh: gcovr is missing: devtools/setup.sh" >&2; exit 1; }
bad=0

# Counters only in the drivers' own files: hvsim and the tests stay as fast as
# they are, and ordinary users need write no counts of theirs. Threads share them.
if [ ! -f "$build/build.ninja" ]; then
	meson setup "$build" "$tree" -Db_coverage=true -Doptimization=0 \
		"-Dc_args=['-fprofile-update=atomic','-fprofile-filter-files=drivers/(bus|net)/']" \
		>/dev/null || exit 1
fi

# A guest that is killed writes no counts. testpmd and the ethdev client are ended
# by their commands, or by SIGTERM here before anything harder.
scenarios() {
	HVSIM_BUILD=$build HVSIM_GENTLE_END=1 timeout -k 10 3000 /usr/bin/python3 -m pytest -q \
		-p no:cacheprovider --tb=short -m quick \
		"$tree"/app/test/scenarios/test_{bus,driver,ethdev_ops,trust}.py
}

if [ $run -eq 1 ]; then
	ninja -C "$build" >"$build/coverage-build.log" 2>&1 ||
		{ tail -n 40 "$build/coverage-build.log"; exit 1; }
	find "$build" -name '*.gcda' -delete
	echo "== unit programs"
	# Those that hold code of the drivers: the others are hvsim's.
	mapfile -t units < <(meson test -C "$build" --no-rebuild --list 2>/dev/null | sed 's/.* \/ //' |
		grep -E '^((fuzz_)?(netvsc|rndis|vmbus)_|ring_order$|differential$)')
	[ ${#units[@]} -gt 0 ] || { echo "coverage.sh: no unit programs: no driver headers?"; exit 1; }
	meson test -C "$build" --no-rebuild "${units[@]}" >"$build/coverage-units.log" 2>&1 || {
		grep -E 'FAIL|TIMEOUT' "$build/coverage-units.log"
		echo "coverage.sh: unit programs failed: $build/coverage-units.log"
		bad=1
	}
	if [ $quick -eq 0 ]; then
		echo "== scenarios"
		scenarios || bad=1
	fi
fi

# Of the branches, those that the compiler makes for calls that may throw, and of
# lines without code of ours, are none.
least=(--fail-under-line 92 --fail-under-branch 80)
[ $quick -eq 0 ] || least=()
summary=$build/coverage.txt
gcovr --root "$tree" --object-directory "$build" --filter "$tree/drivers/(bus|net)/" \
	--exclude-unreachable-branches --exclude-throw-branches \
	--exclude-lines-by-pattern '.*\b(RTE_ASSERT|RTE_LOG_REGISTER|_?[sS]tatic_assert|(VMBUS|NETVSC)_LOG)\(' \
	"${least[@]}" "${html[@]}" --txt "$build/coverage-lines.txt" --print-summary \
	>"$summary" 2>"$build/coverage-gcovr.log" || {
	[ -s "$summary" ] || { tail -n 20 "$build/coverage-gcovr.log"; exit 1; }
	bad=1
}
# The table: file, lines, run, percent, and which were not.
cat "$build/coverage-lines.txt"
percent() { sed -n "s/^$1: \([0-9.]*\)%.*/\1/p" "$summary"; }
echo "coverage: lines $(percent lines)% branches $(percent branches)%"
exit $bad
