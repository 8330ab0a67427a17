#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Sets up, builds, and shows the driver at work: stock testpmd forwards real
# traffic between two NICs of hvsim. The last line is
# "demo: N packets forwarded, N lost, N corrupted".
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/demo.sh [--seconds N] [--no-root] [--build DIR] [--no-setup] [--help]

Stock dpdk-testpmd with this driver forwards between two NICs of hvsim, 4 queues
each. As root: ping and a TCP transfer between two network namespaces, through
tap ports and hvsim's switches. Else: numbered frames of a generator and a
capture file. Fails if anything was lost or corrupted.

  --seconds N   how long the traffic takes, about (default 10)
  --no-root     the way without namespaces, also as root
  --build DIR   where to build (default: build-test in the tree)
  --no-setup    do not look for missing packages
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-test
seconds=10
setup=1
root=--root
[ "$(id -u)" -eq 0 ] || root=--no-root
while [ $# -gt 0 ]; do
	case $1 in
	--seconds) seconds=${2:?--seconds needs a number}; shift ;;
	--no-root) root=--no-root ;;
	--build) build=${2:?--build needs a folder}; shift ;;
	--no-setup) setup=0 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "demo.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
case $seconds in '' | *[!0-9]* | 0) echo "demo.sh: --seconds $seconds: a number from 1 on" >&2; exit 2 ;; esac

[ $setup -eq 0 ] || "$tree/devtools/setup.sh"
sdk=$("$tree/devtools/fetch-driver-sdk" | tail -n 1)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "demo: building in $build (quick when run again)"
{
	if [ -f "$build/build.ninja" ]; then
		meson configure "$build" -Ddriver_sdk="$sdk"
	else
		meson setup "$build" "$tree" -Ddriver_sdk="$sdk"
	fi
	ninja -C "$build"
} >"$log" 2>&1 || { tail -n 40 "$log"; echo "demo: the build failed" >&2; exit 1; }
plugin=$("$tree/devtools/plugin-path" "$build")
/usr/bin/python3 "$tree/devtools/demo.py" $root --seconds "$seconds" --build "$build" --plugin "$plugin"
