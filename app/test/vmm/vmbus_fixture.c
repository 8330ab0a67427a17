/* SPDX-License-Identifier: BSD-3-Clause */

/* See vmbus_fixture.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmbus_fixture.h"

struct vmbus vmbus;
struct vsp_nic nic;
struct vsp_channel primary, sub;
struct hv_device *device;
uint8_t ram[RAM_PAGES][HV_PAGE_BYTES] __attribute__((aligned(4096)));
struct sent sent[SENT_MAX];
uint32_t sent_count, violations, mapped, listening, flagged_vp, flagged_relid, flags;
static int map_result;

/* ---- the engine and the VSP ---- */

uint64_t now_ns;
bool monitor_unread;

uint64_t
engine_now_ns(void)
{
	return now_ns;
}

int
vsp_channel_opened(struct vsp_channel *channel, struct hv_channel *handle,
	const struct hv_rings *rings)
{
	channel->handle = handle;
	channel->rings = *rings;
	channel->opened++;
	return channel->open_result;
}

void
vsp_channel_closed(struct vsp_channel *channel)
{
	channel->closed++;
	/* As the real one: subchannels go with their primary. */
	if (channel == &primary && sub.handle != NULL) {
		vmm_transport.rescind_subchannel(sub.handle);
		sub.handle = NULL;
	}
}

void
vsp_channel_signalled(struct vsp_channel *channel)
{
	channel->signalled++;
}

bool
vsp_monitor_unread(void)
{
	return monitor_unread;
}

void
vsp_vmbus_violation(struct hv_guest *guest, struct vsp_nic *whose, enum hv_vmbus_rule rule,
	const char *what)
{
	(void)guest;
	(void)whose;
	(void)rule;
	assert_non_null(what);
	violations++;
}

/* ---- the machine ---- */

static void
fake_post(void *arg, uint32_t vp, const void *message, uint32_t bytes)
{
	(void)arg;
	assert_true(sent_count < SENT_MAX);
	memcpy(sent[sent_count].bytes, message, bytes);
	sent[sent_count].length = bytes;
	sent[sent_count++].vp = vp;
}

static void
fake_flag(void *arg, uint32_t vp, uint32_t relid)
{
	(void)arg;
	flagged_vp = vp;
	flagged_relid = relid;
	flags++;
}

static int
fake_map(void *arg, const uint64_t *pages, uint32_t count, uint8_t **base)
{
	(void)arg;
	*base = NULL;
	if (map_result < 0)
		return map_result;
	for (uint32_t i = 0; i < count; i++) {
		if (pages[i] >= 0x100000)
			return -EFAULT;
	}
	*base = calloc(count, HV_PAGE_BYTES);
	mapped++;
	return 0;
}

static void
fake_unmap(void *arg, uint8_t *base, uint32_t count)
{
	(void)arg;
	(void)count;
	free(base);
	mapped--;
}

static uint8_t *
fake_page(void *arg, uint64_t page_number)
{
	(void)arg;
	return page_number < RAM_PAGES ? ram[page_number] : NULL;
}

static int
fake_listen(void *arg, struct hv_channel *channel)
{
	(void)arg;
	(void)channel;
	listening++;
	return 0;
}

static void
fake_unlisten(void *arg, struct hv_channel *channel)
{
	(void)arg;
	(void)channel;
	listening--;
}

static const struct vmbus_machine machine = {
	.post = fake_post, .flag = fake_flag, .map = fake_map, .unmap = fake_unmap,
	.page = fake_page, .listen = fake_listen, .unlisten = fake_unlisten,
};

/* ---- what a guest says ---- */

void
post(const void *message, uint32_t bytes)
{
	vmbus_receive(&vmbus, message, bytes);
}

void
post_simple(uint32_t type)
{
	struct vmbus_message_header header = { .type = type };

	post(&header, sizeof(header));
}

void
post_relid(uint32_t type, uint32_t relid)
{
	struct vmbus_relid_message message = { { .type = type }, relid };

	post(&message, sizeof(message));
}

void
contact(uint32_t version, bool with_monitor)
{
	struct vmbus_initiate_contact message = {
		.header = { .type = VMBUS_INITIATE_CONTACT }, .version = version, .target_vp = 1,
		.sint = 2, .features = UINT32_MAX,
	};

	if (with_monitor) {
		message.monitor_to_guest = (MONITOR_PAGE - 1) * HV_PAGE_BYTES;
		message.monitor_to_host = MONITOR_PAGE * HV_PAGE_BYTES;
	}
	post(&message, sizeof(message));
}

const void *
reply(uint32_t back, uint32_t type)
{
	const struct vmbus_message_header *header;

	assert_true(sent_count > back);
	header = (const void *)sent[sent_count - 1 - back].bytes;
	assert_int_equal(header->type, type);
	return header;
}

void
post_gpadl(uint32_t relid, uint32_t id, uint32_t pages, uint64_t first_page)
{
	uint8_t message[VMBUS_MESSAGE_MAX] = { 0 };
	struct vmbus_gpadl_header header = {
		.header = { .type = VMBUS_GPADL_HEADER }, .relid = relid, .gpadl = id,
		.range_count = 1, .byte_count = pages * HV_PAGE_BYTES,
	};
	struct vmbus_gpadl_body body = { .header = { .type = VMBUS_GPADL_BODY }, .gpadl = id };
	uint32_t done = 0, at = sizeof(header);

	memcpy(message, &header, sizeof(header));
	while (done < pages) {
		uint32_t room = (VMBUS_MESSAGE_MAX - at) / 8, n = HV_MIN(room, pages - done);

		for (uint32_t i = 0; i < n; i++, done++) {
			uint64_t page = first_page + done;

			memcpy(message + at + 8 * i, &page, sizeof(page));
		}
		post(message, at + 8 * n);
		memcpy(message, &body, sizeof(body));
		at = sizeof(body);
	}
}

uint32_t
created_status(void)
{
	const struct vmbus_gpadl_created *created = reply(0, VMBUS_GPADL_CREATED);

	return created->status;
}

uint32_t
post_open(uint32_t relid, uint32_t gpadl, uint32_t split, uint32_t vp)
{
	struct vmbus_open message = {
		.header = { .type = VMBUS_OPEN }, .relid = relid, .open_id = relid,
		.ring_gpadl = gpadl, .target_vp = vp, .to_guest_page = split,
	};
	const struct vmbus_open_result *result;

	post(&message, sizeof(message));
	result = reply(0, VMBUS_OPEN_RESULT);
	assert_int_equal(result->relid, relid);
	return result->status;
}

/* ---- fixture ---- */

int
start(void **state)
{
	const struct hv_offer offer = { .instance = { 1, 2, 3 }, .monitor = true };

	(void)state;
	memset(&primary, 0, sizeof(primary));
	memset(&sub, 0, sizeof(sub));
	memset(ram, 0xff, sizeof(ram));
	now_ns = 5000000000u;
	sent_count = violations = listening = flags = 0;
	map_result = 0;
	vmbus_init(&vmbus, "guest", 2, VMBUS_V5_3, &machine, NULL);
	device = vmm_transport.offer((struct hv_guest *)(void *)&vmbus, &offer, &nic, &primary);
	return device == NULL ? -1 : 0;
}

int
stop(void **state)
{
	(void)state;
	vmbus_fini(&vmbus);
	return mapped == 0 && listening == 0 ? 0 : -1;
}

void
connect_guest(bool with_monitor)
{
	contact(VMBUS_V5_3, with_monitor);
	post_simple(VMBUS_REQUEST_OFFERS);
}

void
open_primary(void)
{
	connect_guest(false);
	post_gpadl(1, 0xe1e10, 40, 100);
	assert_int_equal(created_status(), 0);
	assert_int_equal(post_open(1, 0xe1e10, 20, 1), 0);
}
