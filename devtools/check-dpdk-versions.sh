#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compiles the drivers for each DPDK generation from 22.11 to 26.07.
set -uo pipefail

usage() {
	cat <<'END'
Usage: devtools/check-dpdk-versions.sh [--offline] [--driver-sdk VERSION=DIR] [--help]

Compiles both drivers, warnings as errors, for DPDK 22.11, 23.11, 24.11, 25.11
and 26.07, and says against which headers. Public headers of other generations
than the installed one come from Debian's packages and are kept in
~/.cache/netvsc-dpdk, never installed; driver headers from its source packages.
Where those are not to be had, what is known of them (app/test/compat) takes
their place.
A generation without headers of its own borrows public ones of a neighbour, or
of the installed version; the functions that the objects need are looked up in
the package's libraries. The last lines tell the generations that were compiled
against headers of their own from those that rest on facts. One that does not
compile, or cannot be compiled, fails the check.

  --offline                 fetch nothing: use what the cache holds
  --driver-sdk VERSION=DIR  the real driver headers of a generation (25.11=DIR)
END
}

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/netvsc-dpdk
facts=$tree/app/test/compat/facts
offline=0
declare -A sdk_of
while [ $# -gt 0 ]; do
	case $1 in
	--offline) offline=1 ;;
	--driver-sdk) sdk_of[${2%%=*}]=${2#*=}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) echo "check-dpdk-versions.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	esac
	shift
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
real=()
from_facts=()

# Public headers and libraries of a generation, from the suite of Debian that
# has it, through an index of our own: nothing of the system's apt is touched.
fetch() { # generation, suite
	local to=$cache/headers-$1
	[ ! -f "$to/.done" ] || return 0
	[ $offline -eq 0 ] && command -v apt-get >/dev/null || return 1
	mkdir -p "$work/$2/lists/partial" "$work/$2/cache/archives/partial" "$work/$2/root"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
		"$("$tree/devtools/debian-mirror") $2 main" >"$work/$2/list"
	local options=(-o "Dir::Etc::sourcelist=$work/$2/list" -o Dir::Etc::sourceparts=-
		-o "Dir::State::lists=$work/$2/lists" -o "Dir::Cache=$work/$2/cache"
		-o APT::Sandbox::User=)
	(cd "$work/$2" && apt-get "${options[@]}" update &&
		apt-get "${options[@]}" download "libdpdk-dev/$2") >"$work/log" 2>&1 || return 1
	dpkg-deb -x "$work/$2"/libdpdk-dev_*.deb "$work/$2/root"
	grep -q "RTE_VER_YEAR ${1%.*}" -r "$work/$2/root/usr/include" || return 1
	rm -rf "$to"
	mkdir -p "$to"
	cp -r "$work/$2/root/usr/include" "$to/"
	# Of the libraries only the names that they define.
	find "$work/$2/root" -name 'librte_*.a' ! -name 'librte_net_*' ! -name 'librte_bus_*' \
		-exec nm -A --defined-only {} + 2>/dev/null | awk '{ print $NF }' | sort -u >"$to/names"
	touch "$to/.done"
}

# The folder with the real driver headers of a generation, if there are any.
driver_sdk() { # generation, suite
	local folder=$cache/sdk-$2
	if [ ! -f "$folder/.upstream" ] && [ $offline -eq 0 ]; then
		"$tree/devtools/fetch-driver-sdk" --suite "$2" >/dev/null 2>"$work/log" || return 1
	fi
	case $(cat "$folder/.upstream" 2>/dev/null) in
	"$1".*) echo "$folder" ;;
	*) return 1 ;;
	esac
}

# Every DPDK function that the objects need must be one of that version.
names_known() { # objects, names
	nm -u "$1"/*.o | awk '$1 == "U" { print $2 }' | grep -E '^(rte_|per_lcore_)' | sort -u >"$work/needed"
	comm -23 "$work/needed" "$2" | sed 's/^/    no such function: /' | tee "$work/unknown"
	[ ! -s "$work/unknown" ]
}

report() { # verdict, generation, text
	printf '%-6s DPDK %s: %s\n' "$1" "$2" "$3"
	[ "$1" = ok ] || { bad=1; return; }
	case $3 in
	*facts*) from_facts+=("$2") ;;
	*) real+=("$2") ;;
	esac
}

compile() { # generation, what is told, driver headers, public headers, names, flags...
	local generation=$1 told=$2 drivers=$3 public=$4 names=$5 compiler ret=0
	shift 5
	# Code is made only where its functions are looked up: the rest costs time.
	local flags=(-march=corei7 -mrtm -isystem "$drivers")
	for folder in "$public/$(gcc -print-multiarch)/dpdk" "$public/dpdk"; do
		flags+=(-isystem "$folder")
	done
	for compiler in gcc clang; do
		"$tree/devtools/compile-drivers.sh" "$compiler" -fsyntax-only \
			"${flags[@]}" -include rte_config.h "$@" || ret=1
	done
	if [ $ret -eq 0 ] && [ -n "$names" ]; then
		"$tree/devtools/compile-drivers.sh" --objects "$work/objects" gcc -O1 \
			"${flags[@]}" -include rte_config.h "$@" &&
			names_known "$work/objects" "$names" || ret=1
	fi
	report "$([ $ret -eq 0 ] && echo ok || echo FAILED)" "$generation" "$told"
}

# A generation from its own public headers, or a neighbour's that pass for it.
check() { # generation, suite, generation of the public headers
	local public=$cache/headers-$3 driver=${sdk_of[$1]:-} told names='' pretend=()
	told="real driver headers"
	[ -n "$driver" ] || driver=$(driver_sdk "$1" "$2") || { driver=$facts; told="driver headers from facts"; }
	pretend=(-include "$facts/pretend.h" "-DPRETEND_YEAR=${1%.*}"
		"-DPRETEND_MONTH=$((10#${1#*.}))")
	if ! fetch "$3" "$2"; then
		# Real driver headers would not fit these public ones.
		compile "$1" "all from facts, on public headers of 22.11: those of $3 (Debian $2) are not to be had" \
			"$facts" "$installed" "" "${pretend[@]}"
		return
	fi
	if [ "$1" = "$3" ]; then
		told="real public headers, $told, functions looked up"
		names=$public/names
		pretend=()
	else
		told="facts on public headers of $3, $told"
	fi
	compile "$1" "$told" "$driver" "$public/include" "$names" "${pretend[@]}"
}

installed=$(pkg-config --variable=includedir libdpdk) && installed=${installed%/dpdk}
sdk=$("$tree/devtools/fetch-driver-sdk" --print 2>/dev/null)
if [ -n "$sdk" ]; then
	compile 22.11 "all headers real" "$sdk" "$installed" ""
else
	report FAILED 22.11 "no driver headers (devtools/fetch-driver-sdk)"
fi
compile 22.11 "real public headers, driver headers from facts" "$facts" "$installed" ""
check 23.11 trixie 24.11
check 24.11 trixie 24.11
check 25.11 sid 25.11
check 26.07 sid 25.11
echo "headers of their own, public and driver: DPDK ${real[*]:-none}"
echo "resting on facts in part or all: DPDK ${from_facts[*]:-none}"
exit $bad
