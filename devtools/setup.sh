#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what building and testing need from Debian packages, and says what.
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/setup.sh [--check] [--help]

Installs the Debian packages that this tree needs and does not find. As root it
runs apt; otherwise it prints the command for an administrator and fails.
Where nothing is missing it needs neither root nor network.

  --check   only say what is missing; exit 1 if anything is
END
}

# What each group is for:
build=(gcc libc6-dev meson ninja-build pkg-config xz-utils libjansson-dev libpcap-dev libnuma-dev)
# The stock DPDK and its built-in driver: hvsim itself links neither.
peer=(dpdk dpdk-dev libdpdk-dev)      # testpmd is in dpdk-dev
tests=(libcmocka-dev python3 python3-pytest python3-scapy iproute2 iputils-ping iperf3
	tcpdump procps util-linux)
# Used by the full tier and the linters.
full=(binutils clang libclang-rt-14-dev llvm valgrind universal-ctags shellcheck git gdb gcovr
	python3-sphinx python3-myst-parser strace gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	libunbound8)                  # of devtools/fetch-openvswitch
# Plots of `netvsc-perf compare --html`.
plots=(python3-matplotlib)
# Guests that are whole kernels (devtools/guest.sh), and what they have on board.
guest=(qemu-system-x86 busybox-static cpio ethtool)

check_only=0
while [ $# -gt 0 ]; do
	case $1 in
	--check) check_only=1 ;;
	-h | --help) usage; exit 0 ;;
	*) echo "setup.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done

if ! command -v dpkg-query >/dev/null; then
	echo "setup.sh: this machine is no Debian; install by hand what provides:" \
		"${build[*]} ${peer[*]} ${tests[*]} ${full[*]} ${plots[*]} ${guest[*]}" >&2
	exit 1
fi

missing=()
for package in "${build[@]}" "${peer[@]}" "${tests[@]}" "${full[@]}" "${plots[@]}" "${guest[@]}"; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
	echo "setup: nothing is missing"
	exit 0
fi
echo "setup: missing Debian packages: ${missing[*]}"
[ $check_only -eq 0 ] || exit 1
if [ "$(id -u)" -ne 0 ]; then
	echo "setup.sh: not root; run as root: apt-get install -y ${missing[*]}" >&2
	exit 1
fi
echo "setup: installing them with apt-get"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	tail -n 20 "$log" >&2
	echo "setup.sh: apt-get failed; its last lines are above" >&2
	exit 1
fi
echo "setup: installed"
