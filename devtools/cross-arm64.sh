#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the plugin for arm64 on another machine. It has never been run there.
set -euo pipefail

usage() {
	cat <<'END'
Usage: devtools/cross-arm64.sh [--offline] [--output FILE] [--help]

Compiles the drivers for arm64, warnings as errors, and links the plugin against
Debian's arm64 DPDK of the installed version. Its headers and libraries are
unpacked into ~/.cache/netvsc-dpdk; nothing foreign is installed. Needs Debian's
gcc-aarch64-linux-gnu and libc6-dev-arm64-cross (devtools/setup.sh).

  --offline       fetch nothing: fail if the cache does not hold what it takes
  --output FILE   keep the plugin there
END
}

die() { echo "cross-arm64: $*" >&2; exit 1; }

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
offline=0
output=
while [ $# -gt 0 ]; do
	case $1 in
	--offline) offline=1 ;;
	--output) output=${2:?--output needs a file}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) echo "cross-arm64.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done

command -v aarch64-linux-gnu-gcc >/dev/null || die "no aarch64-linux-gnu-gcc: run devtools/setup.sh"
version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev) || die "libdpdk-dev is not installed"
sdk=$("$tree/devtools/fetch-driver-sdk" --print)
root=${XDG_CACHE_HOME:-$HOME/.cache}/netvsc-dpdk/arm64-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Through an index of our own: the system's apt does not learn of arm64.
if [ ! -f "$root/.done" ]; then
	[ $offline -eq 0 ] || die "the arm64 packages are not cached: run without --offline"
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/root"
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"$("$tree/devtools/debian-mirror") $suite main" >"$work/list"
	options=(-o "Dir::Etc::sourcelist=$work/list" -o Dir::Etc::sourceparts=-
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache"
		-o Dir::State::status=/dev/null -o APT::Architecture=arm64
		-o APT::Architectures=arm64 -o APT::Sandbox::User=)
	# The packages of the DPDK libraries that the plugin may need.
	packages=(libdpdk-dev)
	for library in eal ethdev kvargs mbuf mempool meter net ring telemetry; do
		packages+=("librte-${library}23")
	done
	(cd "$work" && apt-get "${options[@]}" update &&
		apt-get "${options[@]}" download "${packages[@]/%/=$version}") >"$work/log" 2>&1 || {
		tail -n 5 "$work/log" >&2
		die "apt could not fetch the arm64 packages of DPDK $version"
	}
	for package in "$work"/*.deb; do dpkg-deb -x "$package" "$work/root"; done
	rm -rf "$root"
	mkdir -p "$root/usr/lib"
	cp -r "$work/root/usr/include" "$root/usr/"
	cp -r "$work/root/usr/lib/aarch64-linux-gnu" "$root/usr/lib/"
	find "$root" -name '*.a' -delete
	touch "$root/.done"
fi

include=$root/usr/include
"$tree/devtools/compile-drivers.sh" --objects "$work/objects" aarch64-linux-gnu-gcc -O3 \
	-march=armv8-a+crc -isystem "$sdk" -isystem "$include/aarch64-linux-gnu/dpdk" \
	-isystem "$include/dpdk" -include rte_config.h || die "the drivers do not compile"
mapfile -t libraries < <(find "$root/usr/lib/aarch64-linux-gnu" -maxdepth 1 -name 'librte_*.so.23')
aarch64-linux-gnu-gcc -shared -o "$work/librte_netvsc.so" "$work"/objects/*.o \
	"-Wl,--version-script=$tree/drivers/librte_netvsc.map" -Wl,--as-needed -Wl,-z,defs \
	-Wl,--allow-shlib-undefined "${libraries[@]}" || die "the plugin does not link"
[ -z "$output" ] || cp "$work/librte_netvsc.so" "$output"
echo "cross-arm64: librte_netvsc.so for arm64 and DPDK $version compiles without a warning and links;" \
	"it has never been run there"
