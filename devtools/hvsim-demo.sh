#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A first run of hvsim: the DPDK driver of the distribution, unmodified, on a
# simulated Hyper-V host. Sets up and builds what is missing.
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/hvsim-demo.sh [--build DIR] [--no-setup] [--help]

Installs missing Debian packages (only that needs root), builds the tree, and
lets DPDK's own netvsc driver send frames of every length, in 1 to 8 segments,
on 4 queues through hvsim and compare what comes back. Fails if a frame is
missing or the driver broke a rule of the host's.

  --build DIR   where to build (default: build in the tree)
  --no-setup    do not look for missing packages
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build
setup=1
while [ $# -gt 0 ]; do
	case $1 in
	--build) build=${2:?--build needs a folder}; shift ;;
	--no-setup) setup=0 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "hvsim-demo.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
build=$(realpath -m "$build")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Runs a command; its output is shown only if it fails.
quietly() {
	if ! "$@" >"$work/log" 2>&1; then
		tail -n 30 "$work/log" >&2
		echo "hvsim-demo.sh: failed: $*" >&2
		exit 1
	fi
}

[ $setup -eq 0 ] || "$tree/devtools/setup.sh"
echo "demo: building in $build"
[ -f "$build/build.ninja" ] || quietly meson setup "$build" "$tree"
quietly ninja -C "$build" app/hvsim/hvsim app/hvsim/guest/libhvsim-guest.so \
	app/test/ethdev/test_ethdev

guest=("$build/app/test/ethdev/test_ethdev" --no-pci --no-telemetry
	--file-prefix="hvsim-demo-$$" --iova-mode=va --no-huge -m 256
	-- --queues 4 --segments 1-8 --rounds 2)
echo "demo: hvsim run --nic queues=4,port=echo --strict -- test_ethdev ..."
status=0
timeout -k 10 90 "$build/app/hvsim/hvsim" run --nic queues=4,port=echo --strict \
	--trace "$work/trace.json" --stats-json "$work/stats.json" -- "${guest[@]}" \
	>"$work/guest" 2>"$work/log" || status=$?
if [ $status -ne 0 ]; then
	tail -n 20 "$work/guest" "$work/log" >&2
	echo "hvsim-demo.sh: the run ended with status $status" >&2
	exit 1
fi

echo "demo: the first words between driver and host:"
"$build/app/hvsim/hvsim" trace --file "$work/trace.json" | sed -n '1,8s/^/    /p' |
	cut -c 1-110
/usr/bin/python3 - "$work/guest" "$work/stats.json" <<'END'
import json, sys
steps = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
stats = json.load(open(sys.argv[2]))
port = next(s for s in steps if s["step"] == "port")
rounds = [s["result"] for s in steps if s["step"] == "traffic"]
nic = stats["nics"][0]["counters"]
print(f"demo: driver {port['driver']} of {port['version']}, {nic['opens']} queues, "
      f"started {len(rounds)} times:")
for r in rounds:
    print(f"    sent {r['sent']}, came back intact {r['received']}, per queue {r['queues']}")
print(f"    {nic['tx_sections']} messages through the send buffer, {nic['tx_page_lists']} by page "
      f"list, {nic['bytes_copied']} bytes copied by the host")
print(f"    {stats['host']['violations']} violations of the host's rules")
END
echo "demo: done; the guide is doc/guides/hvsim, and: $build/app/hvsim/hvsim --help"
