#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Random configuration changes under load for as long as one likes.
set -euo pipefail

usage() {
	cat <<'TEXT'
Usage: devtools/soak.sh [--seconds N] [--seed N] [--rate RATE] [--every N] [--faults] [--build DIR]
                        [--help]

Stock testpmd forwards numbered frames both ways between two NICs of hvsim while
it is reconfigured at random: queues, MTU, RSS, filters, addresses, VLAN, stop
and start, reset, link flaps, NICs that are taken away and given back. Fails on
a frame that is lost and not counted, a leak, or a violation of the host's rules.

  --seconds N   how long (default 60)
  --seed N      the same seed, the same operations (default: the time; printed)
  --rate RATE   of each of the two generators (default 20kpps)
  --every N     operations between two rests, where all is accounted for (20)
  --faults      instead, one NIC whose host goes wrong at random (lies, bytes that change
                while they are read, rings left unread, requests left unanswered), takes
                the NIC away in the middle of frames and of requests and offers it anew, or
                is killed there and started again, between rests at which it is honest: then
                the port works again and nothing is missing (every 4)
  --build DIR   the build to use (default: build-test in the tree)
TEXT
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$tree/build-test
options=()
while [ $# -gt 0 ]; do
	case $1 in
	--seconds | --seed | --rate | --every)
		options+=("$1" "${2:?$1 needs a value}")
		shift
		;;
	--faults) options+=("$1") ;;
	--build) build=${2:?--build needs a folder}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) echo "soak.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done
if [ ! -x "$build/app/hvsim/hvsim" ]; then
	echo "soak.sh: $build is not built: devtools/test.sh, or meson setup and ninja" >&2
	exit 1
fi
export HVSIM_BUILD=$build
exec /usr/bin/python3 "$tree/app/test/scenarios/soak.py" "${options[@]}"
