# SPDX-License-Identifier: BSD-3-Clause
# A guest that reboots finds the same host; with NIC a.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

modprobe hv_netvsc
check "eth0 appears" wait_for 30 test -e /sys/class/net/eth0
ip link set eth0 up
check "carrier" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
[ "$failed" -eq 0 ] || exit "$failed"
if [ "$(boots)" -eq 1 ]; then
	reboot -f
	sleep 60
	exit 1
fi
check "it is the second boot" test "$(boots)" -eq 2
check "the host counted one reset" sh -c 'host counters | grep -qE "^guest0 +resets +1$"'
exit "$failed"
