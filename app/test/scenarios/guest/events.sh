# SPDX-License-Identifier: BSD-3-Clause
# What a live host does to hv_netvsc: NIC a at the end of a wire with an echo.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

guid=$(ls /sys/bus/vmbus/devices 2>/dev/null | head -n 1)
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
check "the network changes" host network-change a
check "carrier after it" wait_for 60 grep -q 1 /sys/class/net/eth0/carrier
check "a VF comes" host vf a offer
sleep 1
check "a VF goes" host vf a revoke
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
