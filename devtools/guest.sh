#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Boots a Debian kernel as a guest of `hvsim boot` and runs a script in it.
set -euo pipefail
umask 022

usage() {
	cat <<'END'
Usage: devtools/guest.sh [OPTIONS] SCRIPT [-- HVSIM-OPTIONS]

Boots a small Linux guest on `hvsim boot`, runs the shell script SCRIPT in it as
root and exits with its status. Kernel and programs of the guest are Debian's;
packages are kept in ~/.cache/netvsc-dpdk/guest. HVSIM-OPTIONS are those of
`hvsim boot`, such as --nic queues=4,port=echo --strict.

  --kernel VERSION  a Debian cloud kernel: the newest of 6.1 (the default) or 6.12, of
                    those fetched before if there are any, or one such as 6.12.57 or
                    6.1.0-56; or any that --list names, by its whole name
  --vmlinuz FILE --modules DIR   any other kernel, and its /lib/modules/VERSION
  --cpus N          of the guest (1)
  --memory SIZE     of the guest (384M; 1G with --dpdk)
  --dpdk            the image has testpmd, DPDK's own netvsc and the plugin of --build
  --file PATH       puts a program with its libraries, or any file, into the image at
                    the same path; may be repeated
  --beside FILE     a shell script that runs beside hvsim: the other end of a tap. Nested in
                    the machine around it, with busybox and iperf3; direct in a network
                    namespace of its own, with hvsim. It, and what it started, end with hvsim
  --build DIR       where hvsim and the plugin were built (build)
  --out DIR         keeps console.log, hvsim.log and more there
  --reboot          a guest that reboots boots again (else that ends the run)
  --timeout SECONDS the whole run (300)
  --direct, --nested   do not choose how; see below
  --list            the kernels that can be had

Where /dev/kvm has the Hyper-V SynIC and runs guests, hvsim runs on it directly.
Elsewhere QEMU emulates an AMD machine whose Debian kernel has such a KVM, and
hvsim runs there ("nested", slow: some 30 s a run). The first line says which.
A nested guest that ends by a triple fault, and has complained of nothing before,
is run a second time, and this says so.

In the guest: busybox and, from this machine, ip, ethtool, ping, iperf3, tcpdump.
  host COMMAND...   runs `hvsim ctl COMMAND...` on the host's side, prints what it
                    prints and returns its status
  boots             prints how often the guest has booted in this run
  check TEXT COMMAND...    prints whether it succeeded; $failed counts those that did not
  wait_for SECONDS COMMAND...    until it succeeds
  quiet_dmesg       fails, and shows it, if the kernel complained
Drivers are not loaded: `modprobe hv_netvsc`, or `modprobe uio_hv_generic`.
END
}

fail() { echo "guest.sh: $*" >&2; exit 1; }

tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/netvsc-dpdk/guest
kernel=6.1 vmlinuz='' modules='' cpus=1 memory='' dpdk=0 build=$tree/build out='' limit=300 how=''
list=0 reboot=0 beside='' script='' files=() options=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernel=${2:?"$1 needs a value"}; shift ;;
	--vmlinuz) vmlinuz=${2:?"$1 needs a value"}; shift ;;
	--modules) modules=${2:?"$1 needs a value"}; shift ;;
	--cpus) cpus=${2:?"$1 needs a value"}; shift ;;
	--memory) memory=${2:?"$1 needs a value"}; shift ;;
	--dpdk) dpdk=1 ;;
	--file) files+=("${2:?"$1 needs a value"}"); shift ;;
	--beside) beside=${2:?"$1 needs a value"}; shift ;;
	--build) build=${2:?"$1 needs a value"}; shift ;;
	--out) out=${2:?"$1 needs a value"}; shift ;;
	--timeout) limit=${2:?"$1 needs a value"}; shift ;;
	--direct) how=direct ;;
	--nested) how=nested ;;
	--reboot) reboot=1 ;;
	--list) list=1 ;;
	-h | --help) usage; exit 0 ;;
	--) shift; options=("$@"); break ;;
	-*) echo "guest.sh: unknown option '$1' (see --help)" >&2; exit 2 ;;
	*) [ -z "$script" ] || fail "one script only, not '$1' (see --help)"; script=$1 ;;
	esac
	shift
done

# ---- packages ----

# apt with lists of its own: no root, and backports without touching the system.
apt_options=(-o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Etc::SourceList=$cache/apt/sources.list"
	-o Dir::Etc::SourceParts=/dev/null -o "Dir::Cache=$cache/apt/archives" -o Debug::NoLocking=1
	-o APT::Sandbox::User="$(id -un)" -q)

apt_lists() { # force
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg
	if [ "${1:-}" != force ] && [ -e "$cache/apt/fetched" ]; then
		return
	fi
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
	local mirror security
	mirror=$("$tree/devtools/debian-mirror") && security=$("$tree/devtools/debian-mirror" --security) ||
		fail "apt does not say where Debian's packages are"
	printf 'deb [signed-by=%s] %s main\n' "$keys" "$mirror bookworm" \
		"$keys" "$mirror bookworm-backports" "$keys" "$security bookworm-security" >"$cache/apt/sources.list"
	apt-get "${apt_options[@]}" update >"$cache/apt/log" 2>&1 || fail "apt-get update: $(tail -n 1 "$cache/apt/log")"
	touch "$cache/apt/fetched"
}

kernels() { # all that can be had: versions as in /lib/modules
	apt-cache "${apt_options[@]}" pkgnames linux-image- |
		sed -nE 's/^linux-image-([0-9].*-(cloud-)?amd64)$/\1/p' | sort -V
}

# The newest version, as in /lib/modules, that a part of it means: 6.1, 6.12.57, 6.1.0-56.
newest() { # part flavour; versions on standard input
	grep -E "^${1//./\\.}([.+-].*)?\$" <<<"$(sed -nE "s/^([0-9.]+(-[0-9]+|\+deb[0-9.]+))-$2\$/\1/p")" |
		sort -V | tail -n 1 | sed "s/\$/-$2/"
}

resolve() { # part [flavour]
	local found pick=(newest "$1" "${2:-cloud-amd64}")
	[[ $1 != *-amd64 ]] || pick=(grep -Fx -- "$1")
	found=$(find "$cache/kernel" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | "${pick[@]}" || true)
	if [ -z "$found" ]; then
		apt_lists
		found=$(kernels | "${pick[@]}" || true)
	fi
	[ -n "$found" ] || fail "there is no kernel $1 (see --list)"
	printf '%s\n' "$found"
}

# Fetches and unpacks a kernel's package, once.
fetch_kernel() { # version
	local folder=$cache/kernel/$1 deb
	if [ -d "$folder" ]; then
		return
	fi
	apt_lists
	mkdir -p "$cache/deb" "$cache/kernel"
	echo "guest.sh: fetching linux-image-$1" >&2
	(cd "$cache/deb" && apt-get "${apt_options[@]}" download "linux-image-$1" >"$cache/apt/log" 2>&1) ||
		fail "linux-image-$1: $(tail -n 1 "$cache/apt/log")"
	deb=$(find "$cache/deb" -name "linux-image-$1_*.deb" | sort | tail -n 1)
	rm -rf "$folder.new"
	dpkg-deb -x "$deb" "$folder.new"
	rm -f "$deb"
	mv -T "$folder.new" "$folder" 2>/dev/null || rm -rf "$folder.new"
}

if [ $list -eq 1 ]; then
	apt_lists force
	kernels
	exit 0
fi
[ -n "$script" ] || { usage >&2; exit 2; }
for file in "$script" ${beside:+"$beside"}; do
	[ -r "$file" ] || fail "$file cannot be read"
done
hvsim=$build/app/hvsim/hvsim
[ -x "$hvsim" ] || fail "$hvsim is not there: build first"
for program in busybox cpio dpkg-deb xz; do
	command -v $program >/dev/null || fail "$program is missing: devtools/setup.sh"
done
[ -n "$memory" ] || memory=$([ $dpdk -eq 1 ] && echo 1G || echo 384M)

work=$(mktemp -d)
machine_pid=
cleanup() {
	if [ -n "$machine_pid" ]; then
		kill "$machine_pid" 2>/dev/null || true
		wait "$machine_pid" 2>/dev/null || true
	fi
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
job=$work/job
mkdir "$job"

# ---- images ----

# Copies a file to the same path below a folder, links as links (what is loaded
# by two names must be one file); of a program or library what it links, too.
put() { # image path
	local image=$1 path=$2 library
	if [ -e "$image$path" ]; then
		return
	fi
	mkdir -p "$image$(dirname "$path")"
	if [ -L "$path" ]; then
		ln -sf "$(readlink -f "$path")" "$image$path"
		put "$image" "$(readlink -f "$path")"
		return
	fi
	cp "$path" "$image$path"
	for library in $(ldd "$path" 2>/dev/null | grep -oE '/[^ ]+' || true); do
		put "$image" "$library"
	done
}

# A program of this machine by its name, if it is here.
put_program() { # image name
	local path
	path=$(command -v "$2") || return 0
	put "$1" "$(readlink -f "$path")"
	[ -e "$1/usr/bin/$2" ] || [ -L "$1/usr/bin/$2" ] || ln -s "$(readlink -f "$path")" "$1/usr/bin/$2"
}

base_image() { # folder: busybox and the folders that a system has
	mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,etc,root,lib64,var/run,mnt/huge}
	cp "$(command -v busybox)" "$1/bin/busybox"
	ln -sf busybox "$1/bin/sh"
}

# Copies kernel modules with what they need; NAME.deps lists that.
put_modules() { # image folder-of-modules names...
	local image=$1 from=$2 name file need
	shift 2
	mkdir -p "$image/modules"
	for name in "$@"; do
		if [ -e "$image/modules/$name.ko" ]; then
			continue
		fi
		file=$(find "$from" -name "$name.ko*" -print -quit)
		[ -n "$file" ] || file=$(find "$from" -name "${name//_/-}.ko*" -print -quit)
		[ -n "$file" ] || continue      # built in
		case $file in
		*.xz) xz -dc "$file" >"$image/modules/$name.ko" ;;
		*.zst) zstd -qdc "$file" >"$image/modules/$name.ko" ;;
		*) cp "$file" "$image/modules/$name.ko" ;;
		esac
		need=$(tr '\0' '\n' <"$image/modules/$name.ko" | sed -n 's/^depends=//p' | head -n 1 | tr ',' ' ')
		echo "$need" >"$image/modules/$name.deps"
		# shellcheck disable=SC2086 # several
		put_modules "$image" "$from" $need
	done
}

# The same files make the same image: no times, one order.
pack() { # folder file
	(cd "$1" && find . -exec touch -h -d @0 {} + && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$2"
}

programs=(ip ethtool ping iperf3 tcpdump)
[ $dpdk -eq 0 ] || programs+=(dpdk-testpmd)

guest_image() { # version folder-of-modules file
	local image=$work/guest name
	base_image "$image"
	put_modules "$image" "$2" hv_vmbus hv_netvsc uio uio_hv_generic af_packet tun failover net_failover \
		8021q garp mrp stp llc
	for name in "${programs[@]}"; do
		put_program "$image" "$name"
	done
	if [ $dpdk -eq 1 ]; then
		put_dpdk "$image"
	fi
	for name in ${files[@]+"${files[@]}"}; do
		put "$image" "$(readlink -f "$name")"
	done
	echo root:x:0:0:root:/root:/bin/sh >"$image/etc/passwd"
	guest_init >"$image/init"
	guest_modprobe >"$image/sbin/modprobe"
	chmod 755 "$image/init" "$image/sbin/modprobe"
	for name in "${programs[@]}"; do
		[[ $name == *-* ]] || echo "$name() { /usr/bin/$name \"\$@\"; }"
	done >"$image/etc/programs"
	guest_functions >>"$image/etc/programs"
	install -m 644 "$script" "$image/script"
	pack "$image" "$3"
}

put_dpdk() { # image
	local image=$1 pmds file
	pmds=$(pkg-config --variable=libdir libdpdk)/dpdk/pmds-$(pkg-config --modversion libdpdk | cut -d. -f1-2 |
		sed 's/22.11/23.0/')
	[ -d "$pmds" ] || fail "$pmds: no such folder"

	for file in "$pmds"/librte_{bus_vdev,bus_vmbus,net_netvsc,mempool_ring,net_ring,bus_pci}.so*; do
		put "$image" "$file"
	done
	# The C library loads this one when a thread is cancelled.
	put "$image" "$(ldconfig -p | awk '/libgcc_s.so.1 .*x86-64/ { print $NF; exit }')"
	# The plugin lies where no one but root may write.
	mkdir -p "$image/usr/lib/netvsc"
	file=$(find "$build" -maxdepth 3 -name 'librte_netvsc.so' | head -n 1)
	[ -n "$file" ] || fail "no librte_netvsc.so below $build"
	put "$image" "$(readlink -f "$file")"
	cp -L "$file" "$image/usr/lib/netvsc/librte_netvsc.so"
}

guest_modprobe() { # what is asked for, and before it what it needs
	cat <<'END'
#!/bin/sh
for name in "$@"; do
	case $name in -*) continue ;; esac
	[ -e "/modules/$name.ko" ] && [ ! -d "/sys/module/$(echo "$name" | tr - _)" ] || continue
	read -r need <"/modules/$name.deps"
	[ -z "$need" ] || /sbin/modprobe $need || exit 1
	/bin/busybox insmod "/modules/$name.ko" || exit 1
done
END
}

guest_functions() {
	cat <<'END'
modprobe() { /sbin/modprobe "$@"; }
failed=0
check() {
	what=$1
	shift
	if "$@"; then echo "ok: $what"; else echo "FAILED: $what ($*)"; failed=$((failed + 1)); fi
}
wait_for() {
	wait_end=$(($(date +%s) + $1))
	shift
	while [ "$(date +%s)" -lt $wait_end ]; do
		"$@" >/dev/null 2>&1 && return 0
		usleep 200000
	done
	"$@" >/dev/null 2>&1
}
quiet_dmesg() {
	! dmesg | grep -E "BUG:|WARNING:|Oops|Call Trace|hung|soft lockup|rcu.*stall|hv_(vmbus|netvsc|uio).*([Ff]ail|[Uu]nable|[Ii]nvalid|time)"
}
END
}

guest_init() {
	cat <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs run /run
mkdir -p /dev/pts
mount -t devpts pts /dev/pts
ip link set lo up
stty -F /dev/ttyS1 raw -echo
cat >/bin/host <<'EOF'
#!/bin/sh
exec 9<>/dev/ttyS1
echo "$*" >&9
while read -r line <&9; do
	case $line in
	"@end "*) exit ${line#@end } ;;
	*) echo "$line" ;;
	esac
done
exit 1
EOF
chmod 755 /bin/host
printf '#!/bin/sh\nexec host @boots\n' >/bin/boots
chmod 755 /bin/boots
[ "$(host @boot)" -lt 10 ] || poweroff -f
# busybox's shell prefers its own applets.
sh -c '. /etc/programs; . /script'
status=$?
sync
host "@status $status"
poweroff -f
END
}

# The other end of ttyS1: lines are commands of `hvsim ctl`.
agent() {
	cat <<'END'
boots=0
while read -r line; do
	case $line in
	@boots) set -- echo "$boots" ;;
	@boot) boots=$((boots + 1)); set -- echo "$boots" ;;
	"@status "*) echo "${line#@status }" >"$JOB/status"; set -- true ;;
	*) set -- "$HVSIM" ctl --control "$CONTROL" $line ;;
	esac
	"$@" 2>&1 </dev/null
	echo "@end $?"
done
END
}

# Runs hvsim, on this machine or in the nested one.
runner() {
	printf 'JOB=$1 HVSIM=$2 CONTROL=/tmp/hvsim-guest.$$\nexport JOB HVSIM CONTROL\n'
	# shellcheck disable=SC2016
	[ -z "$beside" ] || printf 'ip link set lo up\nsh "$JOB/beside.sh" </dev/null >"$JOB/beside.log" 2>&1 &\n'
	printf '"$HVSIM" boot --kernel "$JOB/vmlinuz" --initrd "$JOB/initrd" --cpus %q --memory %q' \
		"$cpus" "$memory"
	[ $reboot -eq 1 ] || printf ' --no-reboot'
	printf ' --cmdline %q --control "$CONTROL" --com2 "sh $JOB/agent.sh"' \
		"console=ttyS0 loglevel=4 panic=-1 net.ifnames=0$cmdline"
	[ ${#options[@]} -eq 0 ] || printf ' %q' "${options[@]}"
	# shellcheck disable=SC2016 # for the script
	printf ' --stats-json "$JOB/stats.json" </dev/null >"$JOB/console.log" 2>"$JOB/hvsim.log"\n'
	# shellcheck disable=SC2016
	printf 'echo $? >"$JOB/hvsim.status"\n'
}

# ---- the nested machine ----

l1_modules=(kvm-amd virtio_pci 9pnet_virtio 9p tun)

l1_init() {
	cat <<'END'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
END
	echo "/sbin/modprobe ${l1_modules[*]}"
	cat <<'END'
mkdir -p /job
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 job /job || poweroff -f
ip link set lo up
# What KVM did last, kept from the moment when a guest shuts down by a fault.
trace=/sys/kernel/tracing
if mount -t tracefs trace $trace; then
	for event in kvm_exit kvm_inj_virq kvm_inj_exception; do
		echo 1 >$trace/events/kvm/$event/enable
	done
	echo "traceoff if exit_reason == 0x7f" >$trace/events/kvm/kvm_exit/trigger
fi
sh /job/run.sh /job "$(cat /etc/hvsim)"
dmesg >/job/l1-dmesg.log
if grep -q "triple fault" /job/hvsim.log; then
	tail -n 300 $trace/trace >/job/l1-trace.log
fi
sync
poweroff -f
END
}

l1_image() { # modules file
	local image=$work/l1 binary
	base_image "$image"
	put_modules "$image" "$1" "${l1_modules[@]}"
	binary=$(readlink -f "$hvsim")
	put "$image" "$binary"
	echo "$binary" >"$image/etc/hvsim"
	l1_init >"$image/init"
	guest_modprobe >"$image/sbin/modprobe"
	chmod 755 "$image/init" "$image/sbin/modprobe"
	[ -z "$beside" ] || put_program "$image" iperf3
	pack "$image" "$2"
}

run_nested() {
	local version folder bytes processors
	command -v qemu-system-x86_64 >/dev/null || fail "qemu-system-x86_64 is missing: devtools/setup.sh"
	version=$(resolve 6.1 amd64)
	fetch_kernel "$version"
	folder=$cache/kernel/$version
	l1_image "$folder/lib/modules/$version" "$work/l1.cpio"
	bytes=$(numfmt --from=iec "$memory")
	# Processors of the emulated machine interrupt each other, which is where QEMU is
	# unsound: it has one, whatever the guest has. But that is little for a driver that
	# polls and the host beside it.
	processors=$((dpdk ? 2 : 1))
	# QEMU loses an interrupt that comes while a nested guest exits. If it was the timer's,
	# whose next tick its handler would ask for, the machine sleeps for ever: ticks that
	# come by themselves bring up the lost one, too (doc/design/kernels.rst).
	# Two processors interrupt each other often enough.
	local ticks=
	[ "$processors" -gt 1 ] || ticks=" nohz=off highres=off"
	qemu-system-x86_64 -nodefaults -no-user-config -no-reboot -display none -accel tcg,thread=multi \
		-cpu max,+svm,+npt -smp "$processors" -m $((bytes / 1048576 + 1024)) \
		-kernel "$folder/boot/vmlinuz-$version" -initrd "$work/l1.cpio" \
		-append "console=ttyS0 loglevel=4 panic=-1$ticks" -serial "file:$job/l1-console.log" \
		-fsdev "local,id=job,path=$job,security_model=none" \
		-device virtio-9p-pci,fsdev=job,mount_tag=job </dev/null >"$job/qemu.log" 2>&1 &
	machine_pid=$!
}

run_direct() {
	local alone=()
	[ -z "$beside" ] || alone=(unshare --user --map-root-user --net --pid --fork --kill-child)
	${alone[@]+"${alone[@]}"} sh "$job/run.sh" "$job" "$hvsim" &
	machine_pid=$!
}

# ---- the run ----

if [ -z "$vmlinuz" ]; then
	version=$(resolve "$kernel")
	fetch_kernel "$version"
	vmlinuz=$cache/kernel/$version/boot/vmlinuz-$version
	modules=$cache/kernel/$version/lib/modules/$version
else
	[ -r "$vmlinuz" ] || fail "$vmlinuz cannot be read"
	[ -d "$modules" ] || fail "--vmlinuz needs --modules DIR"
	version=$(basename "$modules")
fi
if [ -z "$how" ]; then
	if probe=$("$hvsim" boot --probe 2>&1); then how=direct; else how=nested; fi
	echo "guest.sh: kernel $version, $how (${probe:-?})"
else
	echo "guest.sh: kernel $version, $how (as asked for)"
fi
# QEMU's emulation of SVM does not tell KVM when a guest changes XCR0: a guest
# that uses AVX would find it off after the next exit.
cmdline=
[ $how = direct ] || cmdline=' noxsave'
cp -L "$vmlinuz" "$job/vmlinuz"
guest_image "$version" "$modules" "$job/initrd"
agent >"$job/agent.sh"
runner >"$job/run.sh"
[ -z "$beside" ] || cp "$beside" "$job/beside.sh"

# Starts hvsim or the machine around it, and waits until it ends.
run() {
	rm -f "$job"/{status,hvsim.status,console.log,hvsim.log,beside.log,stats.json}
	run_$how
	end=$((SECONDS + limit)) late=0
	while kill -0 "$machine_pid" 2>/dev/null && [ $SECONDS -lt $end ]; do
		sleep 0.2
	done
	if kill -0 "$machine_pid" 2>/dev/null; then
		late=1
		kill "$machine_pid"
	fi
	wait "$machine_pid" 2>/dev/null || true
	machine_pid=
}

show() {
	cat "$job/console.log" 2>/dev/null || true
	if [ -s "$job/hvsim.log" ]; then
		echo "guest.sh: hvsim said:"
		cat "$job/hvsim.log"
	fi
	if [ -s "$job/beside.log" ]; then
		echo "guest.sh: beside it:"
		cat "$job/beside.log"
	fi
}

# The emulated machine is not sound (doc/design/kernels.rst), so a triple fault in
# it, or an end of its own with hvsim still running, is no verdict, once. What the
# guest has found wrong before that stands.
emulation_broke() {
	[ $how = nested ] && [ $late -eq 0 ] || return 1
	! grep -q "FAILED" "$job/console.log" 2>/dev/null || return 1
	grep -q "triple fault" "$job/hvsim.log" 2>/dev/null || [ ! -e "$job/hvsim.status" ]
}

run
if emulation_broke; then
	show
	tail -n 20 "$job/l1-console.log" "$job/qemu.log" 2>/dev/null || true
	tail -n 12 "$job/l1-trace.log" 2>/dev/null | cut -c 1-160 || true
	for name in console.log hvsim.log l1-console.log l1-trace.log; do
		[ ! -e "$job/$name" ] || mv "$job/$name" "$job/first-$name"
	done
	echo "guest.sh: THE EMULATED MACHINE BROKE: all of this is run once more"
	run
fi
rm -f "$job/vmlinuz" "$job/initrd"
if [ -n "$out" ]; then
	mkdir -p "$out"
	cp -r "$job/." "$out/"
fi
show
[ $late -eq 0 ] || fail "the run took longer than $limit s and was ended"
if [ ! -e "$job/hvsim.status" ]; then
	tail -n 20 "$job/l1-console.log" "$job/qemu.log" 2>/dev/null || true
	fail "hvsim did not end by itself"
fi
status=$(cat "$job/hvsim.status")
[ "$status" -eq 0 ] || fail "hvsim ended with $status"
[ -e "$job/status" ] || fail "the script did not end"
exit "$(cat "$job/status")"
