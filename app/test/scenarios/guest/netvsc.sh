# SPDX-License-Identifier: BSD-3-Clause
# The kernel's own hv_netvsc between two NICs, a and b, of one switch; 2 CPUs.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

in_b() { ip netns exec b "$@"; }
counter() { host counters | awk -v n="$1" -v c="$2" '$1 == n && $2 == c { print $3 }'; }
stat_of() { cat "/sys/class/net/$1/statistics/$2"; }
pings() { ping -c 2 -W 20 10.0.0.2; }
same_stats() { # what the guest sent is what the host got
	n=0
	while [ $n -lt 20 ]; do
		sent=$(stat_of eth0 tx_packets) got=$(counter a tx_frames)
		[ "$sent" = "$got" ] && return 0
		n=$((n + 1))
	done
	echo "the guest sent $sent, the host got $got"
	return 1
}
transfer() { # a file's content, both ways
	in_b busybox nc -l -p 7001 -e /tmp/receive &
	server=$!
	sleep 1
	busybox nc 10.0.0.2 7001 </tmp/file
	wait $server
	cmp /tmp/file /tmp/there || return 1
	busybox nc -l -p 7001 -e /tmp/receive &
	server=$!
	sleep 1
	in_b busybox nc 10.0.0.1 7001 </tmp/file
	wait $server
	cmp /tmp/file /tmp/there
}
bandwidth() {
	iperf3 -s -D -1 -B 10.0.0.1
	sleep 1
	in_b iperf3 -c 10.0.0.1 -t 2
}

check "hv_netvsc loads" modprobe hv_netvsc
check "eth0 appears" wait_for 30 test -e /sys/class/net/eth0
check "eth1 appears" wait_for 30 test -e /sys/class/net/eth1
check "the MAC address is the host's" grep -qi 00:15:5d:00:00:0a /sys/class/net/eth0/address
ip netns add b
ip link set eth1 netns b
ip addr add 10.0.0.1/24 dev eth0
ip link set eth0 up
in_b ip addr add 10.0.0.2/24 dev eth1
in_b /usr/bin/ip link set eth1 up
check "the link is up" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "ping from a to b" pings
check "counters agree with the host's" same_stats

check "2 channels" wait_for 20 sh -c '/usr/bin/ethtool -l eth0 | tail -n 2 | grep -q "Combined:.*2"'
check "one channel" ethtool -L eth0 combined 1
check "ping with it" pings
check "two again" ethtool -L eth0 combined 2
check "ring sizes" ethtool -G eth0 rx 1024 tx 64
check "ping with them" pings
check "RSS table" ethtool -X eth0 equal 1
check "the table is as set" sh -c '! /usr/bin/ethtool -x eth0 | grep -E "^ +[0-9]+:.* 1"'
key=$(seq -s : 10 49)
check "RSS key" ethtool -X eth0 hkey "$key"
check "the key is as set" sh -c "/usr/bin/ethtool -x eth0 | grep -q $key"
check "ping with both" pings
ethtool -X eth0 default

head -c 300000 /dev/urandom >/tmp/file
printf '#!/bin/sh\ncat >/tmp/there\n' >/tmp/receive
chmod 755 /tmp/receive
check "TCP with all offloads" transfer
check "offloads off" ethtool -K eth0 tso off tx off rx off
in_b /usr/bin/ethtool -K eth1 tso off tx off rx off
check "TCP without offloads" transfer
check "offloads on" ethtool -K eth0 tx on tso on rx on
in_b /usr/bin/ethtool -K eth1 tx on tso on rx on
check "TCP with them again" transfer

check "MTU 4000" ip link set eth0 mtu 4000
in_b /usr/bin/ip link set eth1 mtu 4000
check "carrier after it" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "large ping" ping -c 2 -W 20 -s 3900 -M "do" 10.0.0.2
check "promiscuous" ip link set eth0 promisc on
check "not promiscuous" ip link set eth0 promisc off
modprobe 8021q
check "VLAN" ip link add link eth0 name eth0.7 type vlan id 7
check "multicast" ip maddr add 01:00:5e:00:00:7b dev eth0
check "ping at the end" pings
check "iperf3" bandwidth
check "no complaint of the kernel" quiet_dmesg
exit "$failed"
