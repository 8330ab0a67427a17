# SPDX-License-Identifier: BSD-3-Clause
# The kernel panics with an open channel.
# shellcheck shell=sh
modprobe hv_netvsc
wait_for 30 test -e /sys/class/net/eth0
ip link set eth0 up
echo "about to crash"
echo c >/proc/sysrq-trigger
sleep 60
exit 0
