#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sets up, builds, and shows the driver at work: stock testpmd forwards real
# traffic between two NICs of hvsim. The last line is
# "demo: N packets forwarded, N lost, N corrupted".
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/demo.sh [--seconds N] [--no-root] [--rate N] [--fault FAULT]
                        [--build DIR] [--no-setup] [--no-build] [--help]

Stock dpdk-testpmd with this driver forwards between two NICs of hvsim, 4 queues
each. As root: ping and a TCP transfer between two network namespaces, through
tap ports and hvsim's switches. Else: numbered frames of a generator and a
capture file. Fails if anything was lost or corrupted.

  --seconds N   how long the traffic takes, about (default 10)
  --no-root     the way without namespaces, also as root
  --rate N      frames per second of the generator (default 100000)
  --fault FAULT a host that does something wrong (hvsim faults), to see the demo fail
  --build DIR   where to build (default: build-test in the tree)
  --no-setup    do not look for missing packages
  --no-build    take what is in the build folder
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-test
seconds=10
setup=1
compile=1
more=()
root=--root
[ "$(id -u)" -eq 0 ] || root=--no-root
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=${2:?--seconds needs a number}; shift ;;
	--no-root) root=--no-root ;;
	--build) build=${2:?--build needs a folder}; shift ;;
	--rate | --fault) more+=("$1" "${2:?$1 needs a value}"); shift ;;
	--no-setup) setup=0 ;;
	--no-build) compile=0 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "demo.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
case $seconds in '' | *[!0-9]* | 0) echo "demo.sh: --seconds $seconds: a number from 1 on" >&2; exit 2 ;; esac

[ $setup -eq 0 ] || "$tree/devtools/setup.sh"
build_tree() {
	local sdk
	sdk=$("$tree/devtools/fetch-driver-sdk" | tail -n 1) || return 1
	if [ -f "$build/build.ninja" ]; then
		meson configure "$build" -Ddriver_sdk="$sdk"
	else
		meson setup "$build" "$tree" -Ddriver_sdk="$sdk"
	fi
	ninja -C "$build"
}

if [ $compile -eq 1 ]; then
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	echo "demo: building in $build (quick when run again)"
	build_tree >"$log" 2>&1 || { tail -n 40 "$log"; echo "demo: the build failed" >&2; exit 1; }
fi
plugin=$("$tree/devtools/plugin-path" "$build")
/usr/bin/python3 "$tree/devtools/demo.py" $root --seconds "$seconds" --build "$build" \
	--plugin "$plugin" "${more[@]}"
