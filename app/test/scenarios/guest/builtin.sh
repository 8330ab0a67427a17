# SPDX-License-Identifier: BSD-3-Clause
# DPDK's own netvsc driver in the same place as driver.sh has ours, for comparison:
# prints what testpmd and the kernel say. Its status is the kernel's: 0 if it did
# not complain.
# shellcheck shell=sh

queues=${QUEUES:-2}
echo 160 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs huge /mnt/huge
modprobe uio_hv_generic
echo f8615163-df3e-46c5-913f-f2d2f965ed0e >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
wait_for 20 test -c /dev/uio1
generator() { host counters | awk -v c="$1" '$1 == "port" && $2 == "gen0" && $3 == c { print $4 }'; }
enough() { [ "$(generator gen_received)" -ge 300 ]; }
enough_or_over() { enough || ! kill -0 $pid; }
mkfifo /tmp/stop
exec 8<>/tmp/stop
echo "testpmd starts"
dpdk-testpmd --lcores "0@0,1@$(($(nproc) > 1))" --no-telemetry --iova-mode=pa --file-prefix=guest -- \
	--forward-mode=io --total-num-mbufs=8192 --nb-cores=1 --rxq="$queues" --txq="$queues" <&8 &
pid=$!
wait_for 200 enough_or_over
echo >&8
wait_for 60 sh -c "! kill -0 $pid" || kill -9 $pid
wait $pid
echo "testpmd ended with $?"
host counters | grep -E '^(port gen0|a|b) '
quiet_dmesg
