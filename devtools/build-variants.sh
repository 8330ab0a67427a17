#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compiles the drivers with what the tree's own builds leave out of compilers,
# optimization levels and processors. A minute or two on two cores.
set -uo pipefail

case ${1:-} in
-h | --help)
	echo "Usage: devtools/build-variants.sh [--help]"
	echo
	echo "Compiles the drivers, any warning an error: clang at -O0, -O1 and -O2; gcc and"
	echo "clang at -O3 for x86-64-v2 (less is too little for DPDK's headers), x86-64-v3 and for this machine."
	echo "Other levels of gcc and -O3 are builds of the whole tree."
	exit 0 ;;
"") ;;
*) echo "build-variants.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
esac

devtools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bad=0
sdk=$("$devtools/fetch-driver-sdk" --print) || exit 1
read -ra dpdk < <(pkg-config --cflags libdpdk | sed 's/-I/-isystem /g; s/-march=[^ ]*//')

variant() { # compiler, flags...
	if "$devtools/compile-drivers.sh" "$@" -isystem "$sdk" "${dpdk[@]}"; then
		echo "ok     $*"
	else
		echo "FAILED $*"
		bad=1
	fi
}

for level in -O0 -O1 -O2; do
	variant clang "$level" -march=corei7
done
marches=(native)
[ "$(uname -m)" != x86_64 ] || marches+=(x86-64-v2 x86-64-v3)
for march in "${marches[@]}"; do
	for compiler in gcc clang; do
		variant "$compiler" -O3 "-march=$march"
	done
done
exit $bad
