# SPDX-License-Identifier: BSD-3-Clause
# Our driver on the real uio_hv_generic: NIC a has a generator, b an echo that
# swaps addresses; testpmd forwards between them, in PA mode with hugepages, with
# as many queues as CPUs, or $QUEUES. Each frame goes through the guest twice; the host's
# counters say what arrived, and the generator whether it was whole. With RESCIND=1
# the host takes NIC a away in the second run.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

plugin=/usr/lib/netvsc/librte_netvsc.so
cpus=$(nproc)
queues=${QUEUES:-$cpus}
counter() { host counters | awk -v n="$1" -v c="$2" '$1 == n && $2 == c { print $3 }'; }
generator() { host counters | awk -v c="$1" '$1 == "port" && $2 == "gen0" && $3 == c { print $4 }'; }
testpmd() { # log; forwards until a line comes through the pipe
	dpdk-testpmd --lcores "0@0,1@$((cpus > 1))" --no-telemetry --iova-mode=pa \
		--file-prefix=guest -d "$plugin" -- --forward-mode=io --total-num-mbufs=8192 \
		--nb-cores=1 --rxq="$queues" --txq="$queues" <&8 >"$1" 2>&1 &
	pid=$!
}
testpmd_end() {
	echo >&8
	wait_for 60 sh -c "! kill -0 $pid" || kill -9 $pid
	wait $pid
}
forwards() { [ "$(generator gen_received)" -gt "$before" ] || ! kill -0 $pid; }
enough() { [ "$(generator gen_received)" -ge 300 ]; }
enough_or_over() { enough || ! kill -0 $pid; }
every_queue() { # had frames: testpmd tells of those that had, where there are several
	[ "$queues" -eq 1 ] ||
		[ "$(grep -c "Forward Stats for RX Port= 0/Queue=" /tmp/first)" -eq "$queues" ]
}
one_left() {
	n=0
	for fd in /proc/$pid/fd/*; do
		case $(readlink "$fd") in /dev/uio*) n=$((n + 1)) ;; esac
	done
	[ $n -eq 1 ]
}
# What the guide says, word for word (test_kernel.py compares).
to_uio() { # device
	device=$1
	echo uio_hv_generic > /sys/bus/vmbus/devices/$device/driver_override
	echo $device > /sys/bus/vmbus/drivers/hv_netvsc/unbind
	echo $device > /sys/bus/vmbus/drivers/uio_hv_generic/bind
}
back_to_netvsc() { # device
	device=$1
	echo > /sys/bus/vmbus/devices/$device/driver_override
	echo $device > /sys/bus/vmbus/drivers/uio_hv_generic/unbind
	echo $device > /sys/bus/vmbus/drivers/hv_netvsc/bind
}
# Pages that the kernel says are shared with the host: of the two buffers, and of
# the rings where they are open.
pages_shared() { # open or closed
	sum=0
	for map in /sys/bus/vmbus/devices/*/uio/uio*/maps/map*; do
		case $(cat "$map/name") in
		recv:* | send:*) ;;
		txrx_rings) [ "$1" = open ] || continue ;;
		*) continue ;;
		esac
		sum=$((sum + $(cat "$map/size") / 4096))
	done
	for channel in /sys/bus/vmbus/devices/*/channels/*; do
		[ "$1" = open ] && [ "$(cat "$channel/subchannel_id")" != 0 ] || continue
		sum=$((sum + $(stat -c %s "$channel/ring") / 4096))
	done
	echo $sum
}
gpadls_are() { [ "$(counter guest0 gpadl_pages)" = "$(pages_shared "$1")" ]; }
masked() { # the receive rings of all channels
	n=0
	for mask in /sys/bus/vmbus/devices/*/channels/*/in_mask; do
		[ "$(cat "$mask")" = 1 ] || return 1
		n=$((n + 1))
	done
	[ $n -eq $((2 * queues)) ]
}
none_of() { [ -z "$(generator "$1")" ]; }
# What testpmd says that it sent on both ports, and what the host got.
sums_agree() {
	sent=$(awk '/Forward statistics for port/ { port = 1 }
		/TX-packets:/ && port { sum += $2; port = 0 }
		END { print sum }' /tmp/first)
	got=$(($(counter a tx_frames) + $(counter b tx_frames)))
	echo "testpmd sent $sent, the host got $got"
	[ "$sent" = "$got" ]
}

rescind() { # under load; then it is given back
	guid=$(host list | sed -n 's/^nic a: .* \([0-9a-f-]\{36\}\), .*/\1/p')
	check "the host takes a NIC away under load" host nic remove a
	check "the kernel lets it go" wait_for 60 test ! -e "/sys/bus/vmbus/devices/$guid"
	check "testpmd closes the port" wait_for 60 one_left
	sleep 2
	check "testpmd lives" kill -0 $pid
	testpmd_end
	cat /tmp/second
	check "it was told" grep -q "removal event" /tmp/second
	check "the host gives it back" host nic offer a
	check "it is there again" wait_for 60 test -e "/sys/bus/vmbus/devices/$guid"
	sleep 1
}

echo 160 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs huge /mnt/huge
check "hv_netvsc has them first" sh -c '/sbin/modprobe hv_netvsc && sleep 2 && test -e /sys/class/net/eth1'
modprobe uio_hv_generic
for path in /sys/bus/vmbus/drivers/hv_netvsc/*-*-*; do
	guid=$(basename "$path")
	check "$guid is bound to uio" to_uio "$guid"
done
check "both are uio devices" test -c /dev/uio0 -a -c /dev/uio1
mkfifo /tmp/stop
exec 8<>/tmp/stop
lists=$(counter b tx_page_lists)
testpmd /tmp/first
wait_for 200 enough_or_over
check "frames come back" enough
check "every receive ring is masked" wait_for 20 masked
check "the GPADLs are as large as the maps" wait_for 20 gpadls_are open
echo "the host has $(counter guest0 gpadl_pages) pages of the guest"
testpmd_end
cat /tmp/first
check "both sides counted the same" sums_agree
check "none is corrupt" none_of gen_corrupt
check "none is foreign" none_of gen_foreign
check "none came twice" none_of gen_duplicate
check "on every queue" every_queue
check "those of the rings end with testpmd" wait_for 20 gpadls_are closed
check "testpmd ended well" grep -q Bye /tmp/first
check "the plugin took over" grep -q "taking over from DPDK's built-in vmbus" /tmp/first
check "with physical addresses" grep -q "IOVA mode 'PA'" /tmp/first
check "frames went out by page lists" test "$(counter b tx_page_lists)" -gt "$lists"
host counters | grep -E '^(port gen0|a|b|guest0) '
before=$(generator gen_received)
testpmd /tmp/second
check "it forwards again" wait_for 100 forwards
if [ "${RESCIND:-}" = 1 ]; then
	rescind
else
	testpmd_end
	cat /tmp/second
fi
check "it started again, and ended well" grep -q Bye /tmp/second
for path in /sys/bus/vmbus/drivers/uio_hv_generic/*-*-*; do
	guid=$(basename "$path")
	[ -e "$path" ] || continue
	check "$guid is hv_netvsc's again" back_to_netvsc "$guid"
done
check "interfaces are there again" wait_for 30 test -e /sys/class/net/eth0 -a -e /sys/class/net/eth1
check "no complaint of the kernel" quiet_dmesg
exit "$failed"
