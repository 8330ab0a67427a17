# SPDX-License-Identifier: BSD-3-Clause
# The kernel's own hv_netvsc between two NICs, a and b, of one switch; 2 CPUs or more,
# a channel for each. A third, c, if it is there, has a tap, at whose other end
# beside.sh runs.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

in_a() { "$@"; }
in_b() { ip netns exec b "$@"; }
# 0 is not among them.
counter() { host counters | awk -v n="$1" -v c="$2" '$1 == n && $2 == c { v = $3 } END { print v + 0 }'; }
pings() { ping -c 2 -W 20 10.0.0.2; }
# What the kernel counts, by the host's names: of each queue and each CPU by
# ethtool -S, and in all. Lines of queues begin with "a.q0", of sums with "a".
guest_stats() { # interface name [command...]
	interface=$1 name=$2
	shift 2
	"$@" /usr/bin/ethtool -S "$interface" | sed 's/://' | awk -v name="$name" '
		/queue_[0-9]+_(packets|bytes) / {
			split($1, part, "_")
			word = part[1] "_" (part[4] == "packets" ? "frames" : "bytes")
			print name ".q" part[3], word, $2
			sum["queues " word] += $2
		}
		/cpu[0-9]+_[rt]x_(packets|bytes) / {
			sub(/cpu[0-9]+_/, "")
			sub(/packets/, "frames")
			sum["CPUs " $1] += $2
		}
		/vf_|xdp_|vlan_error|tx_too_big|no_memory/ && $2 != 0 { print name, $1, $2 }
		END { for (word in sum) { split(word, part, " "); print name, part[2], sum[word] } }'
	"$@" cat /proc/net/dev | sed 's/:/ /' | awk -v interface="$interface" -v name="$name" '
		$1 == interface {
			print name, "rx_bytes", $2; print name, "rx_frames", $3
			print name, "tx_bytes", $10; print name, "tx_frames", $11
		}'
}
# Each of them is what the host counted. A run of coalesced frames is one to the
# guest, and so is a large send, with its headers once: 66 bytes of IPv4 and TCP
# with time stamps.
agree() { # the host's lines, the guest's lines
	awk 'FILENAME == ARGV[1] { host[$1, $2] = $3; next }
		{
			expected = host[$1, $2]
			cut = host[$1, "tx_segments"] - host[$1, "tx_lso"]
			if ($2 == "rx_frames")
				expected += host[$1, "rx_rsc_runs"] - host[$1, "rx_rsc_frames"]
			else if ($2 == "tx_frames")
				expected -= cut
			else if ($2 == "tx_bytes")
				expected -= 66 * cut
			else
				expected += 0
			n++
			if (expected != $3 || ($1 !~ /[.]q/ && host[$1, "tx_bytes"] == 0)) {
				print $1, $2 ": the guest counted", $3 ", the host", expected
				bad++
			}
		}
		END { if (!bad) print n, "counters agree"; exit bad || n < 20 }' "$1" "$2"
}
same_stats() { # interface name [command...]; at a moment when nothing moves
	n=0
	while [ $n -lt 5 ]; do
		guest_stats "$@" >/tmp/before
		host counters >/tmp/host
		guest_stats "$@" >/tmp/after
		cmp -s /tmp/before /tmp/after && agree /tmp/host /tmp/after >/tmp/verdict && break
		n=$((n + 1))
		sleep 1
	done
	cat /tmp/verdict
	[ $n -lt 5 ]
}
listens() { # who (in_a or in_b), port in hexadecimal
	"$1" grep -q ":$2 [0-9A-F]*:0000 0A" /proc/net/tcp /proc/net/tcp6
}
one_way() { # to whom, from whom, address: a file's content
	rm -f /tmp/there
	"$1" timeout 120 busybox nc -l -p 7001 -e /tmp/receive &
	server=$!
	wait_for 30 listens "$1" 1B59
	"$2" timeout 120 busybox nc "$3" 7001 -e /tmp/send
	wait $server
	cmp /tmp/file /tmp/there
}
transfer() { # both ways, in the network whose first three bytes are given
	one_way in_b in_a "${1:-10.0.0}.2" && one_way in_a in_b "${1:-10.0.0}.1"
}
more_runs() { [ "$(counter a rx_rsc_runs)" -gt "$1" ]; }
no_more_runs() { [ "$(counter a rx_rsc_runs)" = "$1" ]; }
offloaded() { # asking takes seconds where the machine is emulated: once
	host counters | awk '{ v[$1, $2] = $3 }
		END { print v["a", "tx_lso"] + 0, v["a", "tx_csum"] + 0, v["b", "tx_lso"] + 0, v["b", "tx_csum"] + 0 }'
}
none_offloaded() { [ "$(offloaded)" = "$1" ]; }
all_offloaded() { # since then, on both NICs
	offloaded | awk -v then="$1" '{ split(then, n); exit !($1 > n[1] && $2 > n[2] && $3 > n[3] && $4 > n[4]) }'
}
channels() { /usr/bin/ethtool -l eth0 | tail -n 2 | grep -q "Combined:[^0-9]*$1\$"; }
rings() { # rx and tx, as the guest says since then
	/usr/bin/ethtool -g eth0 | awk '/^Current/ { now = 1 } now && /^[RT]X:/ { print $2 }' | xargs | grep -qx "$1 $2"
}
rx_of_first() { # frames that came on a's first queue, and on all others
	host counters | awk '$1 ~ /^a[.]q/ && $2 == "rx_frames" { n[$1 == "a.q0"] += $3 }
		END { print n[1] + 0, n[0] + 0 }'
}
one_queue() { # a TCP stream, of which nothing comes on the other
	before=$(rx_of_first)
	transfer
	rx_of_first | awk -v then="$before" '{ split(then, n); exit !($1 > n[1] && $2 == n[2]) }'
}
column() { awk -v n="$1" '$1 == "eth0:" { print $n }' /proc/net/dev; }
column_is() { [ "$(column "$1")" = "$2" ]; }
filtered() { [ "$(counter a rx_drop_filter)" = "$1" ]; }
three_to() { in_b ping -c 3 -i 0.3 -W 1 -I eth1 "$1" >/dev/null; }
come_in() { # address column: three frames, counted in that column of /proc/net/dev
	seen=$(column "$2")
	three_to "$1"
	wait_for 20 column_is "$2" $((seen + 3))
}
kept_back() { # address: three frames that the host counts, and the guest does not get
	seen=$(column 3) dropped=$(counter a rx_drop_filter)
	three_to "$1"
	wait_for 20 filtered $((dropped + 3)) && column_is 3 "$seen"
}
vlan_offloads_fixed() { # hv_netvsc has no frames with the tag in the frame
	/usr/bin/ethtool -k eth0 >/tmp/features &&
		[ "$(grep -cE '^[rt]x-vlan-offload: on \[fixed\]' /tmp/features)" = 2 ]
}
vlans() { # content through an interface of VLAN 7 on each; the host sees the tags
	ip link add link eth0 name eth0.7 type vlan id 7
	ip addr add 10.0.7.1/24 dev eth0.7
	ip link set eth0.7 up
	in_b ip link add link eth1 name eth1.7 type vlan id 7
	in_b ip addr add 10.0.7.2/24 dev eth1.7
	in_b ip link set eth1.7 up
	transfer 10.0.7 && [ "$(counter a tx_vlan)" -gt 0 ] && [ "$(counter b tx_vlan)" -gt 0 ]
}
bandwidth() {
	iperf3 -s -D -1 -B 10.0.0.1
	wait_for 30 listens in_a 1451
	in_b timeout 120 iperf3 -c 10.0.0.1 -t 2
}
by_tap() { # to the machine that hvsim runs on, and back; its iperf3 is busy for a moment after a test
	ping -c 2 -W 20 10.1.0.1 && wait_for 60 timeout 60 iperf3 -c 10.1.0.1 -t 1 &&
		wait_for 60 timeout 60 iperf3 -c 10.1.0.1 -t 1 -R
}

check "hv_netvsc loads" modprobe hv_netvsc
check "eth0 appears" wait_for 30 test -e /sys/class/net/eth0
check "eth1 appears" wait_for 30 test -e /sys/class/net/eth1
check "the MAC address is the host's" grep -qi 00:15:5d:00:00:0a /sys/class/net/eth0/address
ip netns add b
ip link set eth1 netns b
# Nothing is sent but what this asks for.
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
in_b sh -c "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"
ip addr add 10.0.0.1/24 dev eth0
ip link set eth0 up
in_b ip addr add 10.0.0.2/24 dev eth1
in_b /usr/bin/ip link set eth1 up
check "the link is up" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "ping from a to b" pings
cpus=$(nproc)
check "$cpus channels, one for each CPU" wait_for 20 channels "$cpus"

head -c 300000 /dev/urandom >/tmp/file
# Written in pieces of many segments, so that large sends and runs are sure to come.
printf '#!/bin/sh\nexec dd if=/tmp/file bs=100000 2>/dev/null\n' >/tmp/send
printf '#!/bin/sh\nexec cat >/tmp/there\n' >/tmp/receive
chmod 755 /tmp/send /tmp/receive
check "TCP with all offloads" transfer
check "the host coalesced" more_runs 0
check "coalescing off" ethtool -K eth0 lro off
runs=$(counter a rx_rsc_runs)
check "TCP without it" transfer
check "the host does not coalesce" no_more_runs "$runs"
check "coalescing on" ethtool -K eth0 lro on
check "a's counters are the host's" same_stats eth0 a
check "b's counters are the host's" same_stats eth1 b in_b

check "one channel" ethtool -L eth0 combined 1
check "it is one" channels 1
check "ping with it" pings
check "all of them again" ethtool -L eth0 combined "$cpus"
check "they are all there" wait_for 20 channels "$cpus"
check "ring sizes" ethtool -G eth0 rx 1024 tx 64
check "they are as set" rings 1024 64
check "ping with them" pings
check "RSS table" ethtool -X eth0 equal 1
check "the table is as set" sh -c '! /usr/bin/ethtool -x eth0 | grep -E "^ +[0-9]+:.* 1"'
check "all comes on one queue" one_queue
key=$(seq -s : 10 49)
check "RSS key" ethtool -X eth0 hkey "$key"
check "the key is as set" sh -c "/usr/bin/ethtool -x eth0 | grep -q $key"
check "ping with both" pings
ethtool -X eth0 default

check "offloads off" ethtool -K eth0 tso off tx off rx off
check "offloads off at the other end" in_b /usr/bin/ethtool -K eth1 tso off tx off rx off
before=$(offloaded)
check "TCP without offloads" transfer
check "the host cuts and sums nothing" none_offloaded "$before"
check "offloads on" ethtool -K eth0 tx on tso on rx on
check "offloads on at the other end" in_b /usr/bin/ethtool -K eth1 tx on tso on rx on
check "TCP with them again" transfer
check "the host cuts and sums again" all_offloaded "$before"
check "the host coalesces again" more_runs "$runs"

check "MTU 4000" ip link set eth0 mtu 4000
in_b /usr/bin/ip link set eth1 mtu 4000
check "carrier after it" wait_for 30 grep -q 1 /sys/class/net/eth0/carrier
check "large ping" ping -c 2 -W 20 -s 3900 -M "do" 10.0.0.2
# No question for an address comes in between.
ip neigh replace 10.0.0.2 lladdr "$(in_b cat /sys/class/net/eth1/address)" dev eth0
in_b ip neigh replace 10.0.0.1 lladdr 00:15:5d:00:00:0a dev eth1
in_b ip neigh add 10.0.0.9 lladdr 00:15:5d:00:00:99 dev eth1
check "the host keeps back what is for others" kept_back 10.0.0.9
check "promiscuous" ip link set eth0 promisc on
check "now it comes" come_in 10.0.0.9 3
check "not promiscuous" ip link set eth0 promisc off
check "now it does not" kept_back 10.0.0.9
groups=$(counter a rx_multicast)
check "multicast comes, and is counted as such" come_in 224.0.0.1 9
check "the host counts it as such" test "$(counter a rx_multicast)" = $((groups + 3))
check "a group more" ip maddr add 01:00:5e:00:00:7b dev eth0
modprobe 8021q
check "VLAN" vlans
check "VLAN offloads cannot be switched off" vlan_offloads_fixed
check "ping at the end" pings
check "iperf3" bandwidth
if [ -e /sys/class/net/eth2 ]; then
	ip addr add 10.1.0.2/24 dev eth2
	ip link set eth2 up
	check "through a tap" by_tap
	check "the tap's counters are the host's" same_stats eth2 c
fi
check "no complaint of the kernel" quiet_dmesg
exit "$failed"
