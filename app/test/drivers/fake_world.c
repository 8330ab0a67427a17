/* SPDX-License-Identifier: BSD-3-Clause */

/* The memory and the rings of the scripted host, and the stand-ins for what the
 * driver takes from the bus and from EAL; see fake_host.h. */

#include "fake_world.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_alarm.h>
#include <rte_malloc.h>

#include "netvsc_channel.h"

int netvsc_logtype_init, netvsc_logtype_control, netvsc_logtype_rx, netvsc_logtype_tx;

struct fake_world fake_world;
struct fake_host *fake_host = &fake_world.host;
struct fake_memory fake_memory = { .left = UINT64_MAX };

/* ---- the host's ring ends ---- */

static struct vmbus_ring_page *
ring_page(bool to_guest)
{
	return (void *)(fake_world.rings + (to_guest ? FAKE_RING_BYTES : 0));
}

/* How far the guest has written, and read. A host that spoils these words for the
 * guest goes on with what it knew. */
static uint32_t
guest_index(bool to_guest)
{
	const struct vmbus_ring_page *page = ring_page(to_guest);
	const struct vmbus_channel *channel = &fake_world.channel;

	if (fake_host->set.spoils_words)
		return to_guest ? channel->rx.published : channel->tx.published;
	return __atomic_load_n(to_guest ? &page->read_index : &page->write_index, __ATOMIC_ACQUIRE);
}

static void
ring_bytes(bool to_guest, uint32_t at, void *buffer, uint32_t bytes)
{
	uint8_t *data = fake_world.rings + (to_guest ? FAKE_RING_BYTES : 0) + HV_PAGE_BYTES;
	uint8_t *to = buffer;

	for (uint32_t i = 0; i < bytes; i++) {
		if (to_guest)
			data[(at + i) % FAKE_RING_DATA_BYTES] = to[i];
		else
			to[i] = data[(at + i) % FAKE_RING_DATA_BYTES];
	}
}

static void
ring_write(const void *packet, uint32_t bytes)
{
	const uint64_t footer = (uint64_t)fake_world.rx_write << 32;
	struct vmbus_ring_page *page = ring_page(true);
	uint8_t copy[1024];
	uint32_t used = (fake_world.rx_write + FAKE_RING_DATA_BYTES - guest_index(true)) %
		FAKE_RING_DATA_BYTES;

	assert_true(bytes + 8 + used < FAKE_RING_DATA_BYTES - 8);
	memcpy(copy, packet, bytes);
	ring_bytes(true, fake_world.rx_write, copy, bytes);
	memcpy(copy, &footer, sizeof(footer));
	fake_host_show(FAKE_SHOW_FOOTER, copy, sizeof(footer));
	ring_bytes(true, (fake_world.rx_write + bytes) % FAKE_RING_DATA_BYTES, copy, 8);
	fake_world.rx_write = (fake_world.rx_write + bytes + 8) % FAKE_RING_DATA_BYTES;
	__atomic_store_n(&page->write_index, fake_world.rx_write, __ATOMIC_RELEASE);
	fake_host_show(FAKE_SHOW_RING_TO_GUEST, page, sizeof(*page));
}

void
fake_world_write(const struct fake_packet *packet)
{
	uint8_t bytes[1024] = { 0 };
	uint32_t padded = (packet->bytes + 7) & ~7u;
	struct vmbus_packet_header header = {
		.type = packet->type,
		.data_offset_8b = (uint16_t)((sizeof(header) + packet->ext_bytes) / 8),
		.length_8b = (uint16_t)((sizeof(header) + packet->ext_bytes + padded) / 8),
		.transaction_id = packet->transaction_id,
	};

	memcpy(bytes, &header, sizeof(header));
	if (packet->ext_bytes != 0)
		memcpy(bytes + sizeof(header), packet->ext, packet->ext_bytes);
	if (packet->bytes != 0)
		memcpy(bytes + sizeof(header) + packet->ext_bytes, packet->payload, packet->bytes);
	fake_host_show(FAKE_SHOW_HEADER, bytes, sizeof(header));
	fake_host_show(FAKE_SHOW_EXTENSION, bytes + sizeof(header), packet->ext_bytes);
	fake_host_show(FAKE_SHOW_PAYLOAD, bytes + sizeof(header) + packet->ext_bytes, padded);
	ring_write(bytes, (uint32_t)sizeof(header) + packet->ext_bytes + padded);
}

/* Behind a packet stands where it began; a host that lies may have written there. */
static void
footer_check(uint32_t start, uint32_t bytes)
{
	uint64_t footer;

	ring_bytes(false, (start + bytes) % FAKE_RING_DATA_BYTES, &footer, sizeof(footer));
	if (fake_host->show == NULL && footer != (uint64_t)start << 32) {
		fprintf(stderr, "fake host: a packet at %u ends with %llx\n", start,
			(unsigned long long)footer);
		fake_host->errors++;
	}
}

/* Reads what there is, whatever it is. */
static void
host_act(void)
{
	struct vmbus_ring_page *page = ring_page(false);

	while (!fake_host->set.deaf && !fake_world.confused && fake_world.tx_read != guest_index(false)) {
		struct vmbus_packet_header header;
		uint8_t packet[2048];
		uint32_t bytes;

		ring_bytes(false, fake_world.tx_read, &header, sizeof(header));
		bytes = header.length_8b * 8u;
		/* A host that lies about how far it has read finds it overwritten. */
		fake_world.confused = bytes < sizeof(header) || bytes > sizeof(packet);
		if (fake_world.confused) {
			assert_non_null(fake_host->show);
			return;
		}
		ring_bytes(false, fake_world.tx_read, packet, bytes);
		footer_check(fake_world.tx_read, bytes);
		fake_world.tx_read = (fake_world.tx_read + bytes + 8) % FAKE_RING_DATA_BYTES;
		__atomic_store_n(&page->read_index, fake_world.tx_read, __ATOMIC_RELEASE);
		fake_host_show(FAKE_SHOW_RING_TO_HOST, page, sizeof(*page));
		if (fake_host->heard != NULL)
			fake_host->heard(packet, bytes);
		fake_host_packet(&header, packet);
	}
}

/* ---- stand-ins: the bus ---- */

static uint8_t *
recv_map(void)
{
	void *map = mmap(NULL, FAKE_RECV_BYTES, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(map != MAP_FAILED);
	return map;
}

void
vmbus_channel_signal(struct vmbus_channel *channel)
{
	assert_false(rte_spinlock_is_locked(&channel->lock));
	fake_host->signals++;
	if (fake_world.acting)
		return;
	fake_world.acting = true;
	host_act();
	fake_world.acting = false;
}

void
vmbus_channel_set_latency(struct vmbus_channel *channel, uint32_t latency_us)
{
	RTE_SET_USED(channel);
	fake_host->latency_us = latency_us;
}

int
vmbus_device_open(struct vmbus_device *device)
{
	uint32_t gone = fake_world.host.shared.gone;

	if (device->shared != NULL)
		return -EBUSY;
	if (fake_world.host.set.absent)
		return -ENODEV;
	memset(&fake_world.host.shared, 0, sizeof(fake_world.host.shared));
	memset(fake_world.rings, 0, 2 * FAKE_RING_BYTES);
	fake_world.tx_read = 0;
	fake_world.rx_write = 0;
	fake_world.held_count = 0;
	fake_world.confused = false;
	fake_world.host.acks_owed = 0;
	fake_world.host.mtu_frame = 0;
	fake_world.host.filter = 0;
	fake_world.host.opens++;
	memset(&fake_world.channel, 0, sizeof(fake_world.channel));
	rte_spinlock_init(&fake_world.channel.lock);
	assert_int_equal(vmbus_tx_ring_attach(&fake_world.channel.tx, fake_world.rings, FAKE_RING_BYTES,
		HV_PAGE_BYTES), 0);
	assert_int_equal(vmbus_rx_ring_attach(&fake_world.channel.rx, fake_world.rings + FAKE_RING_BYTES,
		FAKE_RING_BYTES, HV_PAGE_BYTES), 0);
	fake_world.channel.shared = &fake_world.host.shared;
	fake_world.channel.monitor = !fake_host->set.no_monitor;
	device->shared = &fake_world.host.shared;
	device->shared->gone = gone;
	device->shared->channel[0] = &fake_world.channel;
	device->shared->recv_gpadl = 0xe1e10;
	device->shared->send_gpadl = 0xe1e11;
	if (fake_world.recv == NULL)
		fake_world.recv = recv_map();
	device->shared->maps.page_bytes = HV_PAGE_BYTES;
	device->shared->maps.map[UIO_MAP_RECV_BUFFER] =
		(struct vmbus_mapping){ fake_world.recv, FAKE_RECV_BYTES };
	device->shared->maps.map[UIO_MAP_SEND_BUFFER] =
		(struct vmbus_mapping){ fake_world.send, FAKE_SEND_BYTES };
	return 0;
}

void
vmbus_device_close(struct vmbus_device *device)
{
	/* The last messages are read, if only then. */
	if (device->shared == NULL)
		return;
	host_act();
	/* Who still reads there meets nothing. */
	if (!fake_world.kept)
		munmap(fake_world.recv, FAKE_RECV_BYTES);
	fake_world.recv = NULL;
	fake_world.kept = false;
	device->shared = NULL;
}

void
vmbus_device_keep(struct vmbus_device *device, unsigned int map)
{
	assert_int_equal(map, UIO_MAP_RECV_BUFFER);
	assert_non_null(device->shared);
	assert_false(fake_world.kept);
	fake_world.kept = true;
	fake_world.kept_maps++;
	fake_world.keeps++;
}

void
vmbus_device_kept_free(void *addr, uint64_t bytes)
{
	assert_int_equal(bytes, FAKE_RECV_BYTES);
	assert_ptr_not_equal(addr, fake_world.recv);
	munmap(addr, bytes);
	__atomic_fetch_sub(&fake_world.kept_maps, 1, __ATOMIC_RELAXED);
}

bool
vmbus_device_present(const struct vmbus_device *device)
{
	RTE_SET_USED(device);
	return !fake_world.host.set.absent;
}

/* The bus's own thread may come later: the test tells of the removal. */
bool
vmbus_device_look(struct vmbus_device *device)
{
	if (device->shared != NULL && fake_world.host.set.taken)
		device->shared->gone = 1;
	return device->shared != NULL && vmbus_device_gone(device);
}

int
vmbus_device_open_subchannels(struct vmbus_device *device, unsigned int count)
{
	static struct vmbus_ring_page silent[2];        /* rings in which nothing comes */

	count += fake_host->set.subchannels_lingering;
	for (unsigned int i = 1; i <= count && i <= FAKE_SUBCHANNELS_MAX; i++) {
		fake_world.sub[i - 1].tx.page = &silent[0];
		fake_world.sub[i - 1].rx.page = &silent[1];
		device->shared->channel[i] = &fake_world.sub[i - 1];
	}
	return (int)RTE_MIN(count, FAKE_SUBCHANNELS_MAX);
}

int
vmbus_device_watch(struct vmbus_device *device, void (*removed)(struct vmbus_device *device))
{
	device->removed = removed;
	device->watched = fake_host->set.watch_error == 0;
	fake_host->watched = device->watched;
	return fake_host->set.watch_error;
}

void
vmbus_device_unwatch(struct vmbus_device *device)
{
	device->watched = false;
	fake_host->watched = false;
}

/* ---- stand-ins: EAL ---- */

/* What lies behind memory of EAL's: bytes that make no sense to whoever reads them,
 * looked at when it is freed; their end says how many bytes the memory had. */
#define BEHIND_BYTES 64u
#define BEHIND_BYTE 0xA5

static void
behind_fill(uint8_t *p, size_t size)
{
	const size_t all = malloc_usable_size(p);

	memset(p + size, BEHIND_BYTE, all - size);
	memcpy(p + all - sizeof(size), &size, sizeof(size));
}

static void
behind_check(const uint8_t *p)
{
	size_t size, all = malloc_usable_size((void *)(uintptr_t)p) - sizeof(size);

	memcpy(&size, p + all, sizeof(size));
	for (size_t i = size; i < all; i++)
		assert_int_equal(p[i], BEHIND_BYTE);
}

void *
rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	void *p;

	RTE_SET_USED(type);
	fake_memory.on_node[RTE_MIN((unsigned int)(socket + 1), RTE_DIM(fake_memory.on_node) - 1)]++;
	if (fake_memory.left != UINT64_MAX && fake_memory.left-- == 0) {
		fake_memory.left = UINT64_MAX;
		fake_memory.failed = true;
		return NULL;
	}
	align = RTE_MAX(align, (unsigned int)sizeof(void *));
	p = aligned_alloc(align, (size + BEHIND_BYTES + align - 1) / align * align);
	assert_non_null(p);
	memset(p, 0, size);
	behind_fill(p, size);
	fake_memory.out++;
	return p;
}

void *
rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	return rte_zmalloc_socket(type, size, align, socket);
}

void *
rte_malloc(const char *type, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, size, align, SOCKET_ID_ANY);
}

void *
rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, size, align, SOCKET_ID_ANY);
}

void
rte_free(void *p)
{
	fake_memory.out -= p != NULL;
	if (p != NULL)
		behind_check(p);
	free(p);
}

rte_iova_t
rte_mem_virt2iova(const void *addr)
{
	uintptr_t page = (uintptr_t)addr / HV_PAGE_BYTES;

	/* Pages that follow each other are two apart if so wanted. */
	return fake_world.scattered ? (uintptr_t)addr + page * HV_PAGE_BYTES : (uintptr_t)addr;
}

int
rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback cb, void *arg)
{
	unsigned int i = 0;

	if (fake_host->set.alarm_error != 0)
		return fake_host->set.alarm_error;
	while (fake_host->alarm[i].call != NULL)
		i++;
	assert_true(i < RTE_DIM(fake_host->alarm));
	/* None is set twice. */
	assert_true(i == 0 || fake_host->alarm[0].call != cb);
	fake_host->alarm[i] = (struct fake_alarm){ cb, arg, us };
	return 0;
}

int
rte_eal_alarm_cancel(rte_eal_alarm_callback cb, void *arg)
{
	RTE_SET_USED(arg);
	for (unsigned int i = 0; i < RTE_DIM(fake_host->alarm); i++)
		if (fake_host->alarm[i].call == cb)
			fake_host->alarm[i].call = NULL;
	return 1;
}

static bool
alarm_run(struct fake_alarm *alarm)
{
	struct fake_alarm due = *alarm;

	if (due.call == NULL)
		return false;
	alarm->call = NULL;
	due.call(due.arg);
	return true;
}

/* Which of the two is due later; 0 if there is none of them. */
static unsigned int
alarm_last(void)
{
	const struct fake_alarm *alarm = fake_host->alarm;

	return alarm[1].call != NULL && (alarm[0].call == NULL || alarm[1].us > alarm[0].us);
}

bool
fake_alarm_run(void)
{
	unsigned int last = alarm_last();

	return alarm_run(&fake_host->alarm[fake_host->alarm[!last].call != NULL ? !last : last]);
}

bool
fake_alarm_run_last(void)
{
	return alarm_run(&fake_host->alarm[alarm_last()]);
}

int
rte_eth_dev_callback_process(struct rte_eth_dev *dev, enum rte_eth_event_type event, void *arg)
{
	RTE_SET_USED(arg);
	/* A callback may ask for anything: no lock may be held. */
	assert_false(rte_spinlock_is_locked(&fake_world.channel.lock));
	assert_false(rte_spinlock_is_locked(&fake_host->dev.xact.lock));
	if (event != RTE_ETH_EVENT_INTR_LSC) {
		assert_true(event == RTE_ETH_EVENT_INTR_RESET || event == RTE_ETH_EVENT_INTR_RMV);
		fake_host->resets += event == RTE_ETH_EVENT_INTR_RESET;
		fake_host->removals += event == RTE_ETH_EVENT_INTR_RMV;
		return 0;
	}
	if (fake_host->callbacks < RTE_DIM(fake_host->callback_status))
		fake_host->callback_status[fake_host->callbacks] =
			dev->data->dev_link.link_status;
	fake_host->callbacks++;
	return 0;
}

/* ---- start and stop ---- */

struct fake_host *
fake_host_start(bool page_lists)
{
	struct netvsc_device *dev = &fake_host->dev;

	memset(&fake_world, 0, sizeof(fake_world));
	fake_host->behind_dev = UINTPTR_MAX / 2;
	fake_world.rings = aligned_alloc(HV_PAGE_BYTES, 2 * FAKE_RING_BYTES);
	fake_world.recv = recv_map();
	fake_world.send = aligned_alloc(HV_PAGE_BYTES, FAKE_SEND_BYTES);
	assert_true(fake_world.rings != NULL && fake_world.send != NULL);
	memset(fake_world.rings, 0, 2 * FAKE_RING_BYTES);
	memset(fake_world.send, 0, FAKE_SEND_BYTES);
	fake_world.next_transfer = 15;
	fake_host->set = (struct fake_settings){
		.nvsp_max = NVSP_VERSION_61, .send_section_bytes = 6144, .frame_max = 9216,
		.packets_per_message = 8, .alignment_shift = 3, .max_transfer_bytes = 0xEFFFFFFF,
		.lso_max = 0xF53C, .lso_min_segments = 2,
		.offload_revision = 3, .multicast_max = 32, .rss_flags = 0x301, .rss_queues = 8,
		.rss_entries = 128, .subchannels_granted = FAKE_SUBCHANNELS_MAX,
	};
	fake_host->vmbus.page_lists_ok = page_lists;
	fake_world.data.dev_conf.intr_conf.lsc = 1;
	rte_eth_devices[0].data = &fake_world.data;
	rte_eth_devices[0].device = &fake_host->vmbus.device;
	snprintf(dev->name, sizeof(dev->name), "fake");
	dev->mtu = RTE_ETHER_MTU;
	dev->args.tx_page_lists = true;
	dev->attended = UINT64_MAX;
	assert_int_equal(netvsc_xact_create(dev), 0);
	dev->xact.wait_ms = 60;
	return fake_host;
}

/* The C library's own word: a recursive lock can be tried by another thread only. */
static bool
control_locked(void)
{
	return fake_host->dev.xact.mutex.__data.__owner != 0;
}

bool
fake_world_asked(void)
{
	struct netvsc_xact *xact = &fake_host->dev.xact;
	bool awaited;

	rte_spinlock_lock(&xact->lock);
	awaited = xact->kind != NETVSC_REPLY_NONE;
	rte_spinlock_unlock(&xact->lock);
	return !awaited || control_locked();
}

/* How often the control lock was given back by whoever had not taken it. */
static unsigned int unowned_unlocks;

/* TSan has a function of that name itself, and says so too. */
#if !defined(__SANITIZE_THREAD__)
int
pthread_mutex_unlock(pthread_mutex_t *mutex)
{
	static int (*unlock)(pthread_mutex_t *mutex);
	int ret;

	if (unlock == NULL)
		unlock = (int (*)(pthread_mutex_t *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	ret = unlock(mutex);
	if (ret != 0 && mutex == &fake_host->dev.xact.mutex)
		__atomic_fetch_add(&unowned_unlocks, 1, __ATOMIC_RELAXED);
	return ret;
}
#endif

/* Whoever takes a lock gives it back, and nobody else does. */
static void
locks_check(const struct netvsc_device *dev)
{
	assert_int_equal(unowned_unlocks, 0);
	assert_false(control_locked());
	assert_int_equal(dev->xact.hurried, 0);
	assert_int_equal(dev->xact.lock.locked, 0);
	assert_int_equal(fake_world.channel.lock.locked, 0);
	for (unsigned int i = 0; i < FAKE_SUBCHANNELS_MAX; i++)
		assert_int_equal(fake_world.sub[i].lock.locked, 0);
}

void
fake_host_stop(void)
{
	struct netvsc_device *dev = &fake_host->dev;

	locks_check(dev);
	for (unsigned int i = 0; i < NETVSC_QUEUES_MAX; i++)
		netvsc_channel_destroy(dev, i);
	netvsc_xact_destroy(dev);
	free(fake_world.rings);
	if (fake_world.recv != NULL)
		munmap(fake_world.recv, FAKE_RECV_BYTES);
	assert_int_equal(fake_world.kept_maps, 0);
	free(fake_world.send);
}
