# SPDX-License-Identifier: BSD-3-Clause
# What a user of uio_hv_generic sees of a kernel, a fact per line: run in a guest
# (devtools/guest.sh) and under `hvsim run`, the lines are to be the same. One
# NIC, nic0, of two queues. Ids that are free to choose are left out. $CALLS is the
# program test_guest_calls, and $HVSIM, which the simulated kernel's guest asks itself.
# shellcheck shell=sh

class=f8615163-df3e-46c5-913f-f2d2f965ed0e
bus=/sys/bus/vmbus
if [ "${1:-}" != simulated ]; then
	modprobe uio_hv_generic
	echo $class >$bus/drivers/uio_hv_generic/new_id
	sleep 2
fi
fact() { echo "fact: $*"; }
entries() { # folder name: its files and folders with their modes
	for entry in "$1"/*; do
		[ -e "$entry" ] || continue
		case $(basename "$entry") in
		power | net | waiting_for_supplier | uevent) continue ;;  # no driver looks there
		esac
		kind="file"
		[ -L "$entry" ] && kind="link" || { [ -d "$entry" ] && kind=folder; }
		[ $kind = file ] && fact "$2/$(basename "$entry")" "$kind" "$(stat -c %a "$entry")" ||
			fact "$2/$(basename "$entry")" "$kind"
	done
}
values() { # folder name files...: what is read
	folder=$1 name=$2
	shift 2
	for file in "$@"; do
		if [ -e "$folder/$file" ]; then
			fact "$name/$file = $(cat "$folder/$file" 2>&1 | sed 's/.*: //')"
		fi
	done
}
channels() {
	n=0
	for channel in "$device"/channels/*; do
		entries "$channel" "$1/channel$n"
		[ -e "$channel/ring" ] && fact "$1/channel$n/ring size" "$(stat -c %s "$channel/ring")"
		values "$channel" "$1/channel$n" subchannel_id out_mask in_mask
		n=$((n + 1))
	done
}

for device in "$bus"/devices/*; do break; done
uio=$(basename "$(echo "$device"/uio/uio*)")
entries "$device" device
values "$device" device class_id vendor device state modalias
entries "$device/uio/$uio" uio
values "$device/uio/$uio" uio name version
for map in "$device/uio/$uio"/maps/map*; do
	entries "$map" "uio/$(basename "$map")"
	values "$map" "uio/$(basename "$map")" name size offset
done
channels closed
exec 3<>"/dev/$uio"
fact "opened $?"
sleep 1
channels open
printf '\001\000\000\000' >&3 2>/dev/null
fact "writing 4 bytes: $?"
(printf '\001\000' >&3) 2>/dev/null
fact "writing 2 bytes: $?"
exec 3>&-
sleep 1
channels again-closed
if [ "${1:-}" = simulated ]; then
	"$CALLS" "$HVSIM ctl nic remove nic0"
	exit
fi
"$CALLS" "host nic remove nic0" && quiet_dmesg
