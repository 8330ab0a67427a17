#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installed beside DPDK's plugin folders as netvsc-plugin-notice; dpkg runs it
# after each change of packages. EAL looks into the folder of its own ABI only:
# says which DPDKs here load the built-in netvsc driver instead of ours.
here=$(dirname "$(readlink -f "$0")")
ours=
for plugin in "$here"/pmds-*/librte_netvsc.so; do
	[ -e "$plugin" ] && ours="$ours ${plugin%/librte_netvsc.so}"
done
[ -n "$ours" ] || exit 0
for folder in "$here"/pmds-*; do
	# A folder that its DPDK has left holds our plugin at most.
	set -- "$folder"/librte_bus_*.so*
	if [ -e "$1" ] && [ ! -e "$folder/librte_netvsc.so" ]; then
		echo "netvsc: programs of the DPDK with $folder do not load librte_netvsc.so" \
			"(it is in$ours): build it against that DPDK and install it again" >&2
	fi
done
exit 0
