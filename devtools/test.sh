#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sets up, builds and tests. The last line is "N passed, N failed, N skipped".
set -uo pipefail

usage() {
	cat <<'END'
Usage: devtools/test.sh [--full] [--long] [--build DIR] [--no-setup] [--only PATTERN] [--help]

Builds the tree and runs its tests. Ends with "N passed, N failed, N skipped"
and fails if a test failed or one that should run could not.

  --full          everything (up to an hour): also the sanitizer builds, clang,
                  and the long scenarios; default is the quick tier
  --long          with --full: also more kernels as guests (another hour, nested)
                  and the long scenarios in the sanitizer build
  --build DIR     where to build (default: build-test in the tree)
  --no-setup      do not look for missing packages
  --only PATTERN  only scenario tests that match (pytest -k), no unit tests
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tier=quick
build=$tree/build-test
setup=1
only=
while [ $# -gt 0 ]; do
	case $1 in
	--full) tier=full ;;
	--long) export HVSIM_LONG=1 ;;
	--build) build=${2:?--build needs a folder}; shift ;;
	--no-setup) setup=0 ;;
	--only) only=${2:?--only needs a pattern}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) echo "test.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
broken=0

say() { printf '== %s\n' "$*"; }

# Runs a command whose failure counts as one failed test named $1.
step() {
	local name=$1 start=$SECONDS
	shift
	say "$name"
	if "$@" >"$results/step.log" 2>&1; then
		echo "step passed $name" >>"$results/steps"
		say "$name: passed ($((SECONDS - start)) s)"
		return 0
	fi
	tail -n 60 "$results/step.log"
	echo "step failed $name" >>"$results/steps"
	say "$name: FAILED"
	broken=1
	return 1
}

build_tree() { # folder, meson options...
	local folder=$1
	shift
	if [ -f "$folder/build.ninja" ]; then
		ninja -C "$folder"
	else
		meson setup "$folder" "$tree" "$@" && ninja -C "$folder"
	fi
}

unit_tests() { # folder
	local folder=$1 ret=0
	meson test -C "$folder" --no-rebuild --suite quick --print-errorlogs || ret=1
	cp "$folder/meson-logs/testlog.json" "$results/unit-$(basename "$folder").json" 2>/dev/null
	return $ret
}

scenarios() { # folder, marker, seconds
	local start=$SECONDS
	say "scenarios marked $2"
	HVSIM_BUILD=$1 timeout -k 10 "$3" /usr/bin/python3 -m pytest -q -p no:cacheprovider \
		--tb=short -m "$2" ${only:+-k "$only"} --junitxml "$results/scenarios-${2// /-}.xml" \
		"$tree/app/test/scenarios" || broken=1
	say "scenarios marked $2: $((SECONDS - start)) s"
	[ -f "$results/scenarios-${2// /-}.xml" ] ||
		echo "step failed scenarios marked $2: no result" >>"$results/steps"
}

cd "$tree" || exit 1
if [ $setup -eq 1 ]; then
	devtools/setup.sh || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
	devtools/fetch-driver-sdk >/dev/null || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
fi

if step "build" build_tree "$build"; then
	if [ -z "$only" ]; then
		step "unit tests" unit_tests "$build"
	fi
	scenarios "$build" quick 1500
fi
if [ $tier = full ]; then
	scenarios "$build" full 3600
	if [ -z "$only" ]; then
		step "instructions per frame" devtools/check-budget.py "$build"
		step "instructions per frame of the driver" "$build/app/perf/netvsc-perf" \
			instructions --budget app/perf/budget.txt
		step "memory order, explored for long" "$build/app/test/ring/test_ring_order" deep
	fi
	# Whatever a sanitizer reports ends the program and fails its test.
	export ASAN_OPTIONS=halt_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1
	export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
	if step "build with ASan and UBSan" build_tree "$build-asan" \
		-Db_sanitize=address,undefined -Db_lundef=false; then
		if [ -z "$only" ]; then
			step "unit tests under ASan and UBSan" unit_tests "$build-asan"
		fi
		if [ "${HVSIM_LONG:-}" = 1 ]; then
			scenarios "$build-asan" sanitized 5400
		else
			scenarios "$build-asan" "sanitized and quick" 1500
		fi
	fi
	if [ -z "$only" ]; then
		if step "build with TSan" build_tree "$build-tsan" -Db_sanitize=thread -Db_lundef=false; then
			step "unit tests under TSan" unit_tests "$build-tsan"
		fi
		step "build with clang" env CC=clang bash -c \
			'[ -f "$1/build.ninja" ] || meson setup "$1" "$2"; ninja -C "$1"' \
			- "$build-clang" "$tree"
		for level in 0 1 2; do
			step "build at -O$level" build_tree "$build-O$level" -Doptimization=$level
		done
		step "drivers at every level, for old and new processors" devtools/build-variants.sh
		step "drivers for every DPDK generation" devtools/check-dpdk-versions.sh --offline
		step "plugin for arm64" devtools/cross-arm64.sh
	fi
else
	say "left out: the full tier (long scenarios, sanitizer and clang builds): --full"
fi

/usr/bin/python3 "$tree/devtools/report.py" "$results" || broken=1
exit $broken
