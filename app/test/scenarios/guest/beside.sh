# SPDX-License-Identifier: BSD-3-Clause
# Beside hvsim while netvsc.sh runs in the guest: the other end of the tap.
# shellcheck shell=sh
n=0
until ip addr add 10.1.0.1/24 dev hvsim-c 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 60 ] || exit 1
	sleep 1
done
# Nothing is sent but what the guest asks for.
echo 1 >/proc/sys/net/ipv6/conf/hvsim-c/disable_ipv6
ip link set hvsim-c up
iperf3 -s
