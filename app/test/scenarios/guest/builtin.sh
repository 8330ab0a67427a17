# SPDX-License-Identifier: BSD-3-Clause
# DPDK's own netvsc driver in the same place as driver.sh has ours, for comparison:
# prints what testpmd and the kernel say. Its status is the kernel's: 0 if it did
# not complain.
# shellcheck shell=sh

echo 160 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs huge /mnt/huge
modprobe uio_hv_generic
echo f8615163-df3e-46c5-913f-f2d2f965ed0e >/sys/bus/vmbus/drivers/uio_hv_generic/new_id
wait_for 20 test -c /dev/uio1
sleep 20 | dpdk-testpmd -l 0-1 --no-telemetry --iova-mode=pa --file-prefix=guest -- \
	--forward-mode=io --total-num-mbufs=8192 --nb-cores=1 --rxq=2 --txq=2
echo "testpmd ended with $?"
host counters | grep -E '^(port gen0|a|b) '
quiet_dmesg
