# SPDX-License-Identifier: BSD-3-Clause
# What a live host does to hv_netvsc: NIC a at the end of a wire with an echo.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

changes_are() { [ "$(cat /sys/class/net/eth0/carrier_changes)" -eq "$1" ]; }
logged() { dmesg | grep -qE "$1"; }

modprobe hv_netvsc
check "eth0 appears" wait_for 30 test -e /sys/class/net/eth0
guid=$(basename "$(readlink -f /sys/class/net/eth0/device)")
ip link set eth0 up
check "carrier" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "the host pulls the cable" host link a down
check "no carrier" wait_for 30 grep -q 0 /sys/class/net/eth0/carrier
check "the host plugs it in" host link a up
check "carrier again" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "another speed" host speed a 10G
check "it is the guest's" wait_for 30 grep -qx 10000 /sys/class/net/eth0/speed
changes=$(cat /sys/class/net/eth0/carrier_changes)
check "the network changes" host network-change a
check "the guest loses its carrier for it" wait_for 60 changes_are $((changes + 2))
check "carrier after it" wait_for 60 grep -q 1 /sys/class/net/eth0/carrier
check "a VF comes" host vf a offer
check "the guest knows it" wait_for 30 logged "VF slot [0-9]+ added"
check "a VF goes" host vf a revoke
check "the guest knows that" wait_for 30 logged "VF slot [0-9]+ removed"
check "carrier without it" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier

check "the host takes the NIC away" host nic remove a
check "it is gone" wait_for 60 test ! -e "/sys/bus/vmbus/devices/$guid"
check "the host gives it back" host nic offer a
check "it is there again" wait_for 60 test -e "/sys/bus/vmbus/devices/$guid/net"
ip link set eth0 up
check "it works" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "another NIC comes" host nic add name=c,port=echo
check "the guest has two" wait_for 60 test -e /sys/class/net/eth1
check "and goes" host nic delete c
check "the guest has one" wait_for 60 test ! -e /sys/class/net/eth1
check "unbinding closes the channel" sh -c "echo $guid >/sys/bus/vmbus/drivers/hv_netvsc/unbind"
check "binding opens it" sh -c "echo $guid >/sys/bus/vmbus/drivers/hv_netvsc/bind"
check "no complaint of the kernel" quiet_dmesg
exit "$failed"
