/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Opening, mapping and losing a device, with the real files vmbus_device.c,
 * vmbus_uio.c and vmbus_channel.c. /dev/uioN is a file of the test's: what the
 * kernel would do beyond that (events, EIO) the stand-ins do.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_log.h>
#include <rte_malloc.h>

#include "fake_tree.h"
#include "vmbus_uio.h"

int kernel_uio_open(int number);
int kernel_uio_events(int fd, uint32_t *count);
#define vmbus_uio_open kernel_uio_open
#define vmbus_uio_events kernel_uio_events
#include "../../../drivers/bus/vmbus/vmbus_uio.c"
#undef vmbus_uio_open
#undef vmbus_uio_events
static int device_clock(clockid_t id, struct timespec *now);
static int device_sleep(const struct timespec *pause, struct timespec *left);
#define clock_gettime device_clock
#define nanosleep device_sleep
#include "../../../drivers/bus/vmbus/vmbus_device.c"
#undef clock_gettime
#undef nanosleep
#include "../../../drivers/bus/vmbus/vmbus_watch.c"

#define A "11111111-89ab-4def-8123-456789abcdef"
#define B "22222222-89ab-4def-8123-456789abcdef"
#define MAIN_RING_BYTES (FAKE_RINGS_BYTES / 2)
#define WINDOW_BYTES_LEAST (VMBUS_SUBCHANNELS_MAX * 4ul << 20)
#define SUB_RING_BYTES (2u * 5u * 4096u)

int vmbus_logtype;

static struct vmbus_device device;
static struct {
	int uio_flags;              /* how /dev/uioN is opened */
	int events_result;          /* of the next read */
	unsigned int opens, removed, reads, in_handler;
	unsigned int memory_fails;  /* which allocation is not there; 0: none */
	int event_fd;               /* in the place of /dev/uioN's own events */
	/* Who opens a device sleeps on a clock of the test's: this many ns more each time,
	 * and is told when. 0: on the real one. */
	uint64_t sleep_ns, slept_ns;
	void (*slept)(void);
	char *log;
	size_t log_bytes;
	FILE *log_file;
} world;

/* ---- stand-ins ---- */

int
vmbus_uio_open(int number)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/dev/uio%d", fake_tree_root, number);
	fd = open(path, world.uio_flags);
	world.opens++;
	return fd < 0 ? -errno : fd;
}

int
vmbus_uio_events(int fd, uint32_t *count)
{
	assert_int_equal(fd, world.event_fd);
	*count = 1;
	__atomic_fetch_add(&world.reads, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&world.events_result, __ATOMIC_SEQ_CST);
}

static int
device_clock(clockid_t id, struct timespec *now)
{
	if (world.sleep_ns == 0)
		return clock_gettime(id, now);
	now->tv_sec = (time_t)(world.slept_ns / 1000000000u);
	now->tv_nsec = (long)(world.slept_ns % 1000000000u);
	return 0;
}

static int
device_sleep(const struct timespec *pause, struct timespec *left)
{
	if (world.sleep_ns == 0)
		return nanosleep(pause, left);
	world.slept_ns += RTE_MAX(world.sleep_ns, (uint64_t)pause->tv_nsec);
	if (world.slept != NULL)
		world.slept();
	return 0;
}

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	void *p;

	(void)type;
	(void)socket;
	if (world.memory_fails != 0 && --world.memory_fails == 0)
		return NULL;
	p = aligned_alloc(align, (size + align - 1) / align * align);
	if (p != NULL)
		memset(p, 0, size);
	return p;
}

void
rte_free(void *p)
{
	free(p);
}

/* ---- the device ---- */

static int
setup(void **state)
{
	memset(&world, 0, sizeof(world));
	memset(&device, 0, sizeof(device));
	world.uio_flags = O_RDWR | O_CLOEXEC;
	world.log_file = open_memstream(&world.log, &world.log_bytes);
	if (world.log_file == NULL || rte_openlog_stream(world.log_file) < 0 ||
	    fake_tree_create(state) < 0)
		return -1;
	vmbus_logtype = rte_log_register_type_and_pick_level("test.vmbus", RTE_LOG_NOTICE);
	fake_tree_nic(A, A, 14, 7);
	fake_tree_zeros("dev/uio7", 1u << 20);
	device.fd = -1;
	device.sysfs.uio = 7;
	device.sysfs.relid = 14;
	vmbus_guid_parse(A, device.sysfs.instance);
	snprintf(device.sysfs.name, sizeof(device.sysfs.name), A);
	snprintf(device.name, sizeof(device.name), A);
	return 0;
}

static int
teardown(void **state)
{
	vmbus_device_unwatch(&device);
	vmbus_device_close(&device);
	rte_openlog_stream(NULL);
	fclose(world.log_file);
	free(world.log);
	return fake_tree_destroy(state);
}

static const char *
logged(void)
{
	fflush(world.log_file);
	return world.log;
}

static unsigned int
lines_with(const char *word)
{
	unsigned int count = 0;

	for (const char *at = logged(); (at = strstr(at, word)) != NULL; at++)
		count++;
	return count;
}

static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static unsigned int
count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned int count = 0;
	char line[1024], *end;

	/* Of files in the tree and of the windows, not of libc's or a sanitizer's. */
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long from = strtoul(line, &end, 16), to = strtoul(end + 1, &end, 16);

		count += strstr(line, fake_tree_root) != NULL ||
			(strncmp(end, " ---p", 5) == 0 && to - from > WINDOW_BYTES_LEAST &&
			 to - from < 2 * WINDOW_BYTES_LEAST);
	}
	fclose(file);
	return count;
}

static void
ring_put(unsigned int relid, uint64_t bytes)
{
	char path[128];

	snprintf(path, sizeof(path), A "/channels/%u/ring", relid);
	fake_tree_zeros(path, bytes);
}

static const char *
uio_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/dev/uio7", fake_tree_root);
	return path;
}

/* ---- maps ---- */

/* Conformance: 3. */
static void
a_wrong_map_is_one_error_that_names_it_and_leaks_nothing(void **state)
{
	static const struct {
		const char *file, *text, *named;
		unsigned int opens;
	} rows[] = {
		{ "map0/name", "rings\n", "map0", 0 },
		{ "map0/size", "0x0\n", "map0", 0 },
		{ "map1/name", "monitor_page\n", "map1", 0 },
		{ "map2/size", "0x800\n", "map2", 0 },
		{ "map3/name", "recv\n", "map3", 0 },
		{ "map4/name", "recv:8\n", "map4", 0 },
		/* All as it should be, but the kernel refuses to map it. */
		{ "map4/name", "send:8\n", "map /dev/uio7", 1 },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		unsigned int fds, maps;

		teardown(state);
		assert_int_equal(setup(state), 0);
		fake_tree_put(rows[i].text, A "/uio/uio7/maps/%s", rows[i].file);
		if (rows[i].opens != 0)
			world.uio_flags = O_RDONLY;     /* mmap for writing: EACCES */
		fds = count_fds();
		maps = count_maps();
		for (unsigned int n = 0; n < 10; n++)
			assert_true(vmbus_device_open(&device) < 0);
		assert_int_equal(count_fds(), fds);
		assert_int_equal(count_maps(), maps);
		assert_int_equal(world.opens, 10 * rows[i].opens);
		assert_int_equal(lines_with(rows[i].named), 10);
		assert_int_equal(lines_with("\n"), 10);
		assert_null(device.shared);
	}
}

static void unbound(void) { fake_tree_drop(A "/uio"); }
static void other_nic(void) { fake_tree_put("{" B "}\n", A "/device_id"); }
static void no_file(void) { fake_tree_drop("dev/uio7"); }
static void read_only(void) { world.uio_flags = O_RDONLY; }
static void no_shared(void) { world.memory_fails = 1; }
static void no_channel(void) { world.memory_fails = 2; }
static void odd_rings(void) { fake_tree_put("0x4008\n", A "/uio/uio7/maps/map0/size"); }
static void other_map(void) { fake_tree_put("other\n", A "/uio/uio7/maps/map1/name"); }

static void
no_slot(void)
{
	while (vmbus_channel_fd_claim(-1) >= 0)
		;
}

/* Conformance: 3. */
static void
each_step_of_opening_that_fails_says_device_answer_and_what_to_try(void **state)
{
	static const struct {
		void (*lacks)(void);
		int ret;
		const char *says;
	} rows[] = {
		{ no_shared, -ENOMEM, "its shared state: Cannot allocate memory; give EAL more memory (-m)" },
		{ unbound, -ENODEV, "not bound to uio_hv_generic, any more: No such device; bind it again" },
		{ other_nic, -ENODEV, "not there, or not bound to uio_hv_generic, any more: No such device" },
		{ other_map, -EPROTO, "uio7/maps/map1: expected \"int_page\" and its size: Protocol error;"
			" another kernel than the driver knows? Report it, with what is in that folder" },
		{ no_file, -ENOENT, "open /dev/uio7: No such file or directory; it takes root, or read and"
			" write permission" },
		{ read_only, -EACCES, "map /dev/uio7: Permission denied; if memory is locked, raise"
			" RLIMIT_MEMLOCK" },
		{ odd_rings, -EINVAL, "main channel 14: Invalid argument; its rings make no sense: bind it"
			" again" },
		{ no_channel, -ENOMEM, "main channel 14: Cannot allocate memory; give EAL more memory (-m)" },
		{ no_slot, -ENOSPC, "main channel 14: No space left on device; another process for some of"
			" the devices" },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		int ret;

		teardown(state);
		assert_int_equal(setup(state), 0);
		rows[i].lacks();
		ret = vmbus_device_open(&device);
		if (ret != rows[i].ret || strncmp(logged(), "VMBUS: " A ": ", strlen("VMBUS: " A ": ")) != 0 ||
		    lines_with(rows[i].says) != 1 || lines_with("\n") != 1)
			fail_msg("\"%s\": %d, %s", rows[i].says, ret, logged());
		assert_int_equal(vmbus_device_present(&device), rows[i].ret != -ENODEV);
		assert_null(device.shared);
	}
	for (unsigned int slot = 0; slot < VMBUS_CHANNEL_FD_SLOTS; slot++)
		vmbus_channel_fd_release(slot);
}

/* Conformance: 3. */
static void
a_device_that_another_process_drives_is_refused_until_that_one_is_gone(void **state)
{
	int other = open(uio_path(), O_RDWR | O_CLOEXEC);
	unsigned int fds = count_fds(), maps = count_maps();

	(void)state;
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(vmbus_device_open(&device), -EBUSY);
	assert_int_equal(lines_with("another process drives it"), 1);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_maps(), maps);
	close(other);
	assert_int_equal(vmbus_device_open(&device), 0);
	other = open(uio_path(), O_RDWR | O_CLOEXEC);
	assert_true(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	vmbus_device_close(&device);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}

/* Conformance: 3, 11. */
static void
opening_and_closing_leaves_no_descriptor_and_no_mapping(void **state)
{
	unsigned int fds = count_fds(), maps = count_maps();

	(void)state;
	for (unsigned int i = 1; i <= 8; i++) {
		fake_tree_channel(A, 20 + i, i);
		ring_put(20 + i, SUB_RING_BYTES);
	}
	for (unsigned int n = 0; n < 50; n++) {
		assert_int_equal(vmbus_device_open(&device), 0);
		assert_int_equal(vmbus_device_open(&device), -EBUSY);
		assert_int_equal(vmbus_device_open_subchannels(&device, 8), 8);
		vmbus_device_close(&device);
		vmbus_device_close(&device);
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(count_maps(), maps);
}

/* As in a process that closed its standard input. */
static void
a_device_may_be_descriptor_0(void **state)
{
	int input = dup(STDIN_FILENO), ret, fd;
	unsigned int before, after;

	(void)state;
	close(STDIN_FILENO);
	before = count_fds();
	ret = vmbus_device_open(&device);
	fd = device.fd;
	vmbus_device_close(&device);
	after = count_fds();
	dup2(input, STDIN_FILENO);
	close(input);
	assert_int_equal(ret, 0);
	assert_int_equal(fd, STDIN_FILENO);
	assert_int_equal(device.fd, -1);
	assert_int_equal(after, before);
}

/* All maps are parts of one file here, and the first ones of the rings'. */
#define LAST_BYTES 2048u

/* Mbufs may point into a map when the device is closed. */
static void
a_map_that_is_kept_stays_as_it_was_and_the_device_is_closed_nevertheless(void **state)
{
	unsigned int fds = count_fds(), maps = count_maps();
	struct vmbus_mapping recv;
	uint8_t *last, *now;
	int other;

	(void)state;
	for (unsigned int which = UIO_MAP_RECV_BUFFER; which <= UIO_MAP_SEND_BUFFER; which++) {
		assert_int_equal(vmbus_device_open(&device), 0);
		recv = device.shared->maps.map[which];
		last = (uint8_t *)recv.addr + recv.bytes - LAST_BYTES;
		memset(last, 0x5a, LAST_BYTES);
		vmbus_device_keep(&device, which);
		vmbus_device_close(&device);
		/* Nothing but its copy is left: neither files nor address space. */
		assert_int_equal(count_fds(), fds);
		assert_int_equal(count_maps(), maps);
		other = open(uio_path(), O_RDWR | O_CLOEXEC);
		assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
		close(other);
		/* The next opening gets a window of its own. */
		assert_int_equal(vmbus_device_open(&device), 0);
		now = (uint8_t *)device.shared->maps.map[which].addr + recv.bytes - LAST_BYTES;
		memset(now, 0x77, LAST_BYTES);
		for (unsigned int i = 0; i < LAST_BYTES; i++)
			assert_int_equal(last[i], 0x5a);
		memset(last, 0x33, LAST_BYTES);
		assert_int_equal(now[0], 0x77);
		vmbus_device_close(&device);
		vmbus_device_kept_free(recv.addr, recv.bytes);
		assert_int_equal(mincore(recv.addr, 4096, (unsigned char[1]){ 0 }), -1);
	}
	assert_int_equal(lines_with("\n"), 0);
}

/* Then the map itself stays: its readers come first. */
static void
a_map_of_which_no_copy_can_be_had_is_kept_as_it_is(void **state)
{
	struct rlimit before;
	struct vmbus_mapping recv;
	int ret, other;

	(void)state;
	assert_int_equal(vmbus_device_open(&device), 0);
	recv = device.shared->maps.map[UIO_MAP_RECV_BUFFER];
	memset((uint8_t *)recv.addr + recv.bytes - LAST_BYTES, 0x5a, LAST_BYTES);
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_AS, &(struct rlimit){ 0, before.rlim_max }), 0);
	ret = vmbus_uio_keep(&device.shared->maps, UIO_MAP_RECV_BUFFER);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(ret, -ENOMEM);
	vmbus_device_close(&device);
	assert_int_equal(((uint8_t *)recv.addr)[recv.bytes - 1], 0x5a);
	other = open(uio_path(), O_RDWR | O_CLOEXEC);
	assert_true(flock(other, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK);
	vmbus_device_kept_free(recv.addr, recv.bytes);
	assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
	close(other);
}

/* Conformance: 6. */
static void
each_channels_ring_has_the_size_that_its_own_file_says(void **state)
{
	struct vmbus_shared *shared;

	(void)state;
	fake_tree_channel(A, 21, 1);
	fake_tree_channel(A, 22, 2);
	ring_put(21, SUB_RING_BYTES);
	ring_put(22, 4u << 20);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 2);
	shared = device.shared;
	assert_int_equal(shared->channel[0]->tx.data_bytes, MAIN_RING_BYTES - 4096);
	assert_int_equal(shared->channel[0]->rx.data_bytes, MAIN_RING_BYTES - 4096);
	assert_int_equal(shared->channel[1]->tx.data_bytes, SUB_RING_BYTES / 2 - 4096);
	assert_int_equal(shared->channel[2]->rx.data_bytes, (2u << 20) - 4096);
	/* All of it lies inside one window. */
	for (unsigned int i = 0; i < 3; i++) {
		uint8_t *page = (uint8_t *)shared->channel[i]->tx.page;

		assert_true(page >= (uint8_t *)shared->maps.window &&
			page < (uint8_t *)shared->maps.window + shared->maps.window_bytes);
		assert_int_equal(shared->channel[i]->rx.page->interrupt_mask, 1);
	}
}

/* Conformance: 8, 16. */
static void
subchannels_that_the_kernel_would_not_signal_are_given_up(void **state)
{
	(void)state;
	/* Writing to this /dev/uio unmasks nothing, as if it signalled nothing. */
	fake_tree_channel(A, 21, 1);
	fake_tree_drop(A "/channels/21/monitor_id");
	ring_put(21, SUB_RING_BYTES);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 0);
	assert_null(device.shared->channel[1]);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(lines_with("signals the main channel alone"), 1);
}

static off_t
written(void)
{
	return lseek(device.fd, 0, SEEK_CUR);
}

static void
second_ring_comes_and_an_old_channel_goes(void)
{
	assert_int_equal(written(), 0);
	if (world.slept_ns >= RING_WAIT_NS / 2)
		ring_put(22, SUB_RING_BYTES);
	if (world.slept_ns >= RING_WAIT_NS / 4 * 3)
		fake_tree_drop(A "/channels/19");
}

/* Kernels oops that act on a subchannel which they have not opened yet, or closed. */
static void
the_kernel_is_asked_to_signal_no_sooner_than_all_its_subchannels_are_open(void **state)
{
	(void)state;
	fake_tree_channel(A, 21, 1);
	fake_tree_channel(A, 22, 2);
	fake_tree_drop(A "/channels/21/monitor_id");
	fake_tree_drop(A "/channels/22/monitor_id");
	ring_put(21, SUB_RING_BYTES);
	fake_tree_channel(A, 19, 1);                    /* of an earlier life: not mappable */
	ring_put(19, 4096);
	world.sleep_ns = 1;
	world.slept = second_ring_comes_and_an_old_channel_goes;
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 0);
	assert_in_range(world.slept_ns, RING_WAIT_NS / 4 * 3, RING_WAIT_NS);
	assert_true(written() > 0);
}

static void
old_subchannel_goes(void)
{
	if (world.slept_ns >= RING_WAIT_NS / 2)
		fake_tree_drop(A "/channels/19");
}

/* The same of those that they have closed, but still have. */
static void
a_device_that_is_signalled_by_hypercall_has_no_subchannels_of_an_earlier_life(void **state)
{
	(void)state;
	fake_tree_channel(A, 14, 0);
	fake_tree_channel(A, 19, 1);
	world.sleep_ns = 1;
	world.slept = old_subchannel_goes;
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(world.slept_ns, 0);            /* there is a monitor */
	vmbus_device_close(&device);
	fake_tree_drop(A "/monitor_id");
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_in_range(world.slept_ns, RING_WAIT_NS / 2, RING_WAIT_NS / 2 + RING_POLL_FIRST_NS);
	vmbus_device_close(&device);
	world.slept = NULL;
	world.slept_ns = 0;
	fake_tree_channel(A, 19, 1);                    /* one that stays */
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_in_range(world.slept_ns, RING_WAIT_NS, RING_WAIT_NS + RING_POLL_FIRST_NS);
}

/* Conformance: 5. */
static void
a_device_is_opened_with_what_sysfs_says_then_and_not_at_the_scan(void **state)
{
	(void)state;
	fake_tree_drop(A "/uio");
	fake_tree_nic(A, A, 40, 9);
	fake_tree_drop(A "/uio/uio9");
	assert_int_equal(vmbus_device_open(&device), -ENODEV);
	assert_int_equal(lines_with("not bound"), 1);
	fake_tree_nic(A, A, 40, 9);
	fake_tree_zeros("dev/uio9", 1u << 20);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(device.shared->channel[0]->relid, 40);
}

/* ---- subchannels ---- */

static void
a_subchannel_that_cannot_be_made_is_told_and_tried_again(void **state)
{
	unsigned int maps;

	(void)state;
	world.sleep_ns = 1;             /* that is, as long as it is asked to */
	fake_tree_channel(A, 21, 1);
	ring_put(21, SUB_RING_BYTES);
	assert_int_equal(vmbus_device_open(&device), 0);
	maps = count_maps();
	world.memory_fails = 1;
	assert_int_equal(vmbus_device_open_subchannels(&device, 1), 1);
	assert_int_equal(lines_with("subchannel 1: its rings make no sense: Cannot allocate memory"), 1);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(device.shared->channel[1]->relid, 21);
	vmbus_device_close_subchannel(&device, 1);
	assert_int_equal(count_maps(), maps);
}

static void *
rings_appear(void *arg)
{
	const struct timespec pause = { .tv_nsec = 60000000 };

	(void)arg;
	nanosleep(&pause, NULL);
	fake_tree_channel(A, 21, 1);
	nanosleep(&pause, NULL);
	ring_put(21, SUB_RING_BYTES);
	fake_tree_channel(A, 22, 2);
	nanosleep(&pause, NULL);
	ring_put(22, SUB_RING_BYTES);
	return NULL;
}

/* Conformance: 8. */
static void
a_ring_file_that_appears_late_is_waited_for(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(pthread_create(&thread, NULL, rings_appear, NULL), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 2);
	pthread_join(thread, NULL);
	assert_int_equal(device.shared->channel[2]->relid, 22);
	assert_int_equal(device.shared->channel[2]->rx.page->interrupt_mask, 1);
	assert_int_equal(lines_with("\n"), 0);
}

/* Conformance: 8. */
static void
a_ring_file_that_never_appears_costs_a_queue_and_one_notice_that_names_it(void **state)
{
	(void)state;
	world.sleep_ns = 1;             /* that is, as long as it is asked to */
	fake_tree_channel(A, 21, 1);
	fake_tree_channel(A, 22, 2);
	ring_put(21, SUB_RING_BYTES);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 1);
	assert_in_range(world.slept_ns, RING_WAIT_LONG_NS, RING_WAIT_LONG_NS / 10 * 11);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(lines_with("1 of 2 subchannels"), 1);
	assert_int_equal(lines_with(A "/channels/22/ring"), 1);
}

/* Kernels before 6 say nothing of the main channel until it is open. */
static void
the_file_that_is_missing_is_named_whatever_is_known_of_the_main_channel(void **state)
{
	(void)state;
	world.sleep_ns = 1;
	assert_int_equal(vmbus_device_open(&device), 0);
	fake_tree_channel(A, 21, 1);
	assert_int_equal(vmbus_device_open_subchannels(&device, 1), 0);
	assert_int_equal(lines_with("0 of 1 subchannels"), 1);
	assert_int_equal(lines_with(A "/channels/21/ring"), 1);
}

/* Conformance: 8. */
static void
where_the_kernel_makes_no_folder_the_wait_is_short(void **state)
{
	(void)state;
	world.sleep_ns = 1;
	fake_tree_channel(A, 21, 1);
	ring_put(21, SUB_RING_BYTES);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 1);
	assert_in_range(world.slept_ns, RING_WAIT_NS, RING_WAIT_NS / 10 * 11);
	assert_int_equal(lines_with(A "/channels/<relid>/ring"), 1);
}

#define RING_EVERY_NS (RING_WAIT_LONG_NS / 10 * 9)

/* The kernel makes one ring after the other, each just in time. */
static void
one_more_ring(void)
{
	unsigned int due = (unsigned int)(world.slept_ns / RING_EVERY_NS);

	if (due != 0 && world.slept_ns % RING_EVERY_NS < world.sleep_ns)
		ring_put(20 + due, SUB_RING_BYTES);
}

/* Conformance: 8. */
static void
rings_that_appear_late_one_after_the_other_are_waited_for_within_one_bound(void **state)
{
	const int expected = (int)(RING_WAIT_ALL_NS / RING_EVERY_NS);

	(void)state;
	world.sleep_ns = 1000000000;
	world.slept = one_more_ring;
	for (unsigned int i = 1; i <= 63; i++)
		fake_tree_channel(A, 20 + i, i);
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 63), expected);
	assert_in_range(world.slept_ns, RING_WAIT_ALL_NS, RING_WAIT_ALL_NS + world.sleep_ns);
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(lines_with("of 63 subchannels"), 1);
}

/* Conformance: 5, 8. */
static void
folders_that_linger_or_make_no_sense_are_passed_over(void **state)
{
	(void)state;
	fake_tree_channel(A, 14, 0);                    /* the main one */
	ring_put(14, FAKE_RINGS_BYTES);
	fake_tree_channel(A, 19, 1);                    /* of an earlier life: not mappable */
	ring_put(19, 4096);
	fake_tree_channel(A, 21, 1);
	ring_put(21, SUB_RING_BYTES);
	fake_tree_channel(A, 23, 1);                    /* the same index again */
	ring_put(23, SUB_RING_BYTES);
	fake_tree_channel(A, 24, 64);                   /* beyond the last */
	ring_put(24, SUB_RING_BYTES);
	fake_tree_channel(A, 25, 63);
	ring_put(25, SUB_RING_BYTES);
	fake_tree_folder(A "/channels/26");             /* attributes come later */
	fake_tree_folder(A "/channels/other");
	assert_int_equal(vmbus_device_open(&device), 0);
	assert_int_equal(vmbus_device_open_subchannels(&device, 2), 2);
	assert_int_equal(device.shared->channel[1]->relid, 21);
	assert_int_equal(device.shared->channel[63]->relid, 25);
	assert_int_equal(device.shared->channel[0]->relid, 14);
}

/* Conformance: 10. */
static void
nobody_waits_for_rings_of_a_device_that_is_gone(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	assert_int_equal(vmbus_device_open(&device), 0);
	fake_tree_folder(A "/channels");
	device.shared->gone = 1;
	assert_int_equal(vmbus_device_open_subchannels(&device, 4), 0);
	assert_true(clock_ns() - start < RING_WAIT_NS);
}

/* ---- removal ---- */

/* A descriptor that is readable from now on, as /dev/uioN with an event. */
static void
watch_start(void (*removed)(struct vmbus_device *which))
{
	assert_int_equal(vmbus_device_open(&device), 0);
	close(device.fd);
	device.fd = world.event_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(vmbus_device_watch(&device, removed), 0);
}

static void
event_now(void)
{
	uint64_t one = 1;

	assert_int_equal(write(world.event_fd, &one, sizeof(one)), sizeof(one));
}

static void
wait_for(const unsigned int *what, unsigned int least)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (unsigned int i = 0; i < 30000; i++) {
		if (__atomic_load_n(what, __ATOMIC_SEQ_CST) >= least)
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("it did not come to %u", least);
}

static void
on_removed(struct vmbus_device *which)
{
	assert_ptr_equal(which, &device);
	assert_true(vmbus_device_gone(which));
	__atomic_fetch_add(&world.removed, 1, __ATOMIC_SEQ_CST);
}

/* Conformance: 10. */
static void
a_rescind_is_told_once_and_interrupts_are_not_taken_for_one(void **state)
{
	unsigned int reads;

	(void)state;
	watch_start(on_removed);
	event_now();                    /* stays readable: it is read again and again */
	wait_for(&world.reads, 5);
	__atomic_store_n(&world.events_result, -EAGAIN, __ATOMIC_SEQ_CST);
	wait_for(&world.reads, __atomic_load_n(&world.reads, __ATOMIC_SEQ_CST) + 5);
	assert_int_equal(__atomic_load_n(&world.removed, __ATOMIC_SEQ_CST), 0);
	assert_false(vmbus_device_gone(&device));
	__atomic_store_n(&world.events_result, -EIO, __ATOMIC_SEQ_CST);
	wait_for(&world.removed, 1);
	reads = __atomic_load_n(&world.reads, __ATOMIC_SEQ_CST);
	event_now();
	vmbus_device_unwatch(&device);
	assert_int_equal(world.reads, reads);
	assert_int_equal(world.removed, 1);
	assert_int_equal(lines_with("took the device away"), 1);
}

/* Conformance: 10. */
static void
whoever_looks_learns_that_a_device_is_gone_before_the_watch_does(void **state)
{
	unsigned int reads;

	(void)state;
	assert_false(vmbus_device_look(&device));       /* nobody watches it */
	world.events_result = -EAGAIN;
	watch_start(on_removed);        /* its descriptor wakes nobody */
	assert_false(vmbus_device_look(&device));
	assert_false(vmbus_device_gone(&device));
	assert_int_equal(world.reads, 1);
	__atomic_store_n(&world.events_result, -EIO, __ATOMIC_SEQ_CST);
	assert_true(vmbus_device_look(&device));
	assert_true(vmbus_device_gone(&device));
	wait_for(&world.removed, 1);
	reads = __atomic_load_n(&world.reads, __ATOMIC_SEQ_CST);
	event_now();
	assert_true(vmbus_device_look(&device));
	vmbus_device_unwatch(&device);
	assert_false(vmbus_device_look(&device));
	assert_int_equal(world.reads, reads);
	assert_int_equal(world.removed, 1);
	assert_int_equal(lines_with("took the device away"), 1);
}

static void
on_removed_slowly(struct vmbus_device *which)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	__atomic_store_n(&world.in_handler, 1, __ATOMIC_SEQ_CST);
	nanosleep(&pause, NULL);
	assert_non_null(which->shared);
	__atomic_fetch_add(&world.removed, 1, __ATOMIC_SEQ_CST);
}

/* Conformance: 10. */
static void
a_device_is_not_closed_under_a_handler_that_runs(void **state)
{
	(void)state;
	world.events_result = -EIO;
	watch_start(on_removed_slowly);
	event_now();
	wait_for(&world.in_handler, 1);
	vmbus_device_unwatch(&device);
	assert_int_equal(world.removed, 1);
	vmbus_device_close(&device);
	vmbus_device_unwatch(&device);
}

static unsigned int second_told;

/* Ends when the other device is known to be gone: nothing else ends it. */
static void
on_removed_until_the_second_is_gone(struct vmbus_device *which)
{
	__atomic_store_n(&world.in_handler, 1, __ATOMIC_SEQ_CST);
	wait_for(which->driver_data, 1);
	__atomic_fetch_add(&world.removed, 1, __ATOMIC_SEQ_CST);
}

static void
on_second_removed(struct vmbus_device *which)
{
	(void)which;
	__atomic_fetch_add(&second_told, 1, __ATOMIC_SEQ_CST);
}

/* Conformance: 10. */
static void
a_rescind_is_noticed_while_the_handler_of_another_one_runs(void **state)
{
	struct vmbus_shared shared = { 0 };
	struct vmbus_device second = {
		.name = "second", .shared = &shared,
	};

	(void)state;
	second_told = 0;
	world.events_result = -EIO;
	device.driver_data = &shared.gone;
	watch_start(on_removed_until_the_second_is_gone);
	event_now();
	wait_for(&world.in_handler, 1);
	world.event_fd = second.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(vmbus_device_watch(&second, on_second_removed), 0);
	wait_for(&second_told, 1);
	assert_int_equal(world.removed, 1);
	vmbus_device_unwatch(&second);
	vmbus_device_unwatch(&device);
	close(second.fd);
}

/* Conformance: 10. */
static void
a_rescind_that_was_noticed_is_told_before_the_watch_ends(void **state)
{
	struct vmbus_shared shared = { 0 };
	struct vmbus_device second = { .name = "second", .shared = &shared };

	(void)state;
	second_told = 0;
	world.events_result = -EIO;
	watch_start(on_removed_slowly);
	event_now();
	wait_for(&world.in_handler, 1);
	world.event_fd = second.fd = eventfd(1, EFD_CLOEXEC);
	assert_int_equal(vmbus_device_watch(&second, on_second_removed), 0);
	wait_for(&shared.gone, 1);
	vmbus_device_unwatch(&second);
	assert_int_equal(second_told, 1);
	vmbus_device_unwatch(&device);
	close(second.fd);
}

static void
a_device_is_present_while_the_kernel_has_it_under_its_uuid_and_bound(void **state)
{
	(void)state;
	assert_true(vmbus_device_present(&device));
	fake_tree_drop(A "/uio");
	assert_false(vmbus_device_present(&device));    /* bound to another driver */
	fake_tree_nic(A, A, 40, 9);
	assert_true(vmbus_device_present(&device));     /* offered anew */
	fake_tree_drop(A "/device_id");
	assert_false(vmbus_device_present(&device));
}

/* Conformance: 11. */
static void
watching_leaves_neither_thread_nor_descriptor_behind(void **state)
{
	unsigned int fds;

	(void)state;
	watch_start(on_removed);
	vmbus_device_unwatch(&device);
	fds = count_fds();
	for (unsigned int i = 0; i < 100; i++) {
		assert_int_equal(vmbus_device_watch(&device, on_removed), 0);
		assert_true(device.watched);
		vmbus_device_unwatch(&device);
	}
	assert_int_equal(count_fds(), fds);
	assert_int_equal(watch.count, 0);
}

/* Where the system lets it: on cores that all poll it would wait for its turn. */
static void
the_watch_runs_before_what_polls(void **state)
{
	struct sched_param param = { .sched_priority = 1 };
	int policy, expected = SCHED_OTHER;

	(void)state;
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &param) == 0) {
		expected = SCHED_FIFO;
		param.sched_priority = 0;
		assert_int_equal(pthread_setschedparam(pthread_self(), SCHED_OTHER, &param), 0);
	}
	watch_start(on_removed);
	assert_int_equal(pthread_getschedparam(watch.thread, &policy, &param), 0);
	assert_int_equal(policy, expected);
	assert_int_equal(pthread_getschedparam(watch.teller, &policy, &param), 0);
	assert_int_equal(policy, SCHED_OTHER);
	vmbus_device_unwatch(&device);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_wrong_map_is_one_error_that_names_it_and_leaks_nothing),
		CASE(each_step_of_opening_that_fails_says_device_answer_and_what_to_try),
		CASE(a_device_that_another_process_drives_is_refused_until_that_one_is_gone),
		CASE(opening_and_closing_leaves_no_descriptor_and_no_mapping),
		CASE(a_device_may_be_descriptor_0),
		CASE(a_map_that_is_kept_stays_as_it_was_and_the_device_is_closed_nevertheless),
		CASE(a_map_of_which_no_copy_can_be_had_is_kept_as_it_is),
		CASE(each_channels_ring_has_the_size_that_its_own_file_says),
		CASE(subchannels_that_the_kernel_would_not_signal_are_given_up),
		CASE(the_kernel_is_asked_to_signal_no_sooner_than_all_its_subchannels_are_open),
		CASE(a_device_that_is_signalled_by_hypercall_has_no_subchannels_of_an_earlier_life),
		CASE(a_device_is_opened_with_what_sysfs_says_then_and_not_at_the_scan),
		CASE(a_subchannel_that_cannot_be_made_is_told_and_tried_again),
		CASE(a_ring_file_that_appears_late_is_waited_for),
		CASE(a_ring_file_that_never_appears_costs_a_queue_and_one_notice_that_names_it),
		CASE(the_file_that_is_missing_is_named_whatever_is_known_of_the_main_channel),
		CASE(where_the_kernel_makes_no_folder_the_wait_is_short),
		CASE(rings_that_appear_late_one_after_the_other_are_waited_for_within_one_bound),
		CASE(folders_that_linger_or_make_no_sense_are_passed_over),
		CASE(nobody_waits_for_rings_of_a_device_that_is_gone),
		CASE(a_rescind_is_told_once_and_interrupts_are_not_taken_for_one),
		CASE(whoever_looks_learns_that_a_device_is_gone_before_the_watch_does),
		CASE(a_device_is_not_closed_under_a_handler_that_runs),
		CASE(a_rescind_is_noticed_while_the_handler_of_another_one_runs),
		CASE(a_rescind_that_was_noticed_is_told_before_the_watch_ends),
		CASE(a_device_is_present_while_the_kernel_has_it_under_its_uuid_and_bound),
		CASE(watching_leaves_neither_thread_nor_descriptor_behind),
		CASE(the_watch_runs_before_what_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
