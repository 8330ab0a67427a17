# SPDX-License-Identifier: BSD-3-Clause
# Our driver with 64 queues on the real uio_hv_generic: 63 subchannels, each with
# rings of its own behind its `ring` file. A generator of many flows is received on
# them, and all are closed again.
# shellcheck shell=sh disable=SC2154 # check and failed are devtools/guest.sh's

class=f8615163-df3e-46c5-913f-f2d2f965ed0e
plugin=/usr/lib/netvsc/librte_netvsc.so
counter() { host counters | awk -v n="$1" -v c="$2" '$1 == n && $2 == c { print $3 }'; }
rings_are() { [ "$(find "$device/channels/" -name ring | wc -l)" = "$1" ]; }
received() { [ "$(counter a rx_frames)" -gt "$1" ]; }
# Queues that testpmd has seen frames of.
queues_used() { grep -c "Forward Stats for RX Port= 0/Queue=" /tmp/log; }

echo 100 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs huge /mnt/huge
modprobe uio_hv_generic
echo $class >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
for device in /sys/bus/vmbus/devices/*; do break; done
check "it is a uio device" wait_for 20 test -c /dev/uio0
mkfifo /tmp/stop
exec 8<>/tmp/stop
dpdk-testpmd --lcores "0@0,1@0" --no-telemetry --iova-mode=pa --file-prefix=guest \
	-d "$plugin" -- -i --forward-mode=rxonly --total-num-mbufs=16384 --nb-cores=1 \
	--rxq=64 --txq=64 --rxd=64 --txd=64 <&8 >/tmp/log 2>&1 &
pid=$!
echo "start" >&8
check "64 rings are there" wait_for 300 rings_are 64
check "frames come" wait_for 200 received 2000
echo "stop" >&8
echo "show port stats 0" >&8
echo "quit" >&8
wait_for 200 sh -c "! kill -0 $pid" || kill -9 $pid
wait $pid
check "testpmd ended well" grep -q Bye /tmp/log
check "64 queues were polled" test "$(grep -c "RX P=0/Q=" /tmp/log)" -eq 64
echo "queues with frames: $(queues_used)"
check "on many queues" test "$(queues_used)" -ge 32
check "64 channels were opened" test "$(counter guest0 opens)" -eq 64
check "and closed" test "$(counter guest0 closes)" -eq 64
check "nothing was lost" test -z "$(counter a rx_drop_no_section)$(counter a rx_drop_ring_full)"
check "no complaint of the kernel" quiet_dmesg
exit "$failed"
