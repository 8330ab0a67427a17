#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compiles the drivers' sources, nothing else, with the tree's warnings as errors.
set -uo pipefail

usage() {
	cat <<'END'
Usage: devtools/compile-drivers.sh [--objects DIR] [--help] COMPILER [FLAG...]

Compiles every source of drivers/bus/vmbus and drivers/net/netvsc with COMPILER
and the warnings of meson.build, any of them an error. FLAGs say where DPDK's
headers are; what is not given is up to them (-O2, -march=...).

  --objects DIR   keep the objects there
END
}

objects=
while [ $# -gt 0 ]; do
	case $1 in
	--objects) objects=${2:?--objects needs a folder}; shift ;;
	-h | --help) usage; exit 0 ;;
	--*) echo "compile-drivers.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	*) break ;;
	esac
	shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }

drivers=$(cd "$(dirname "${BASH_SOURCE[0]}")/../drivers" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
objects=${objects:-$work}
mkdir -p "$objects"
mapfile -t warnings < <(grep -oE "'-W[^']*'" "$drivers/../meson.build" | tr -d "'")
export objects compile="${*@Q} -c -std=gnu11 -D_GNU_SOURCE -DALLOW_INTERNAL_API \
	-DALLOW_EXPERIMENTAL_API -fPIC -fvisibility=hidden -Wall -Wextra -Werror ${warnings[*]} \
	-I'$drivers/bus/vmbus' -I'$drivers/net/netvsc'"
# shellcheck disable=SC2016 # the inner shell expands it
printf '%s\n' "$drivers"/bus/vmbus/*.c "$drivers"/net/netvsc/*.c |
	xargs -P "$(nproc)" -I{} bash -c 'eval "$compile -o '\''$objects/$(basename "$1").o'\'' '\''$1'\''"' - {}
