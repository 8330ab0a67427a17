/* SPDX-License-Identifier: BSD-3-Clause */

/* The VMBus control plane, fed by the bytes that a guest's kernel posts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/vmbus.h"
#include "vmm/vmm.h"

#define RAM_PAGES 64u
#define MONITOR_PAGE 60u
#define SENT_MAX 256u

struct vsp_nic {
	int dummy;
};

struct vsp_channel {
	struct hv_channel *handle;
	struct hv_rings rings;
	unsigned int opened, closed, signalled;
	int open_result;
};

static struct vmbus vmbus;
static struct vsp_nic nic;
static struct vsp_channel primary, sub;
static struct hv_device *device;
static uint8_t ram[RAM_PAGES][HV_PAGE_BYTES] __attribute__((aligned(4096)));
static struct {
	uint8_t bytes[VMBUS_MESSAGE_MAX];
	uint32_t length, vp;
} sent[SENT_MAX];
static uint32_t sent_count, violations, mapped, listening, flagged_vp, flagged_relid, flags;
static int map_result;

/* ---- the engine and the VSP ---- */

uint64_t
engine_now_ns(void)
{
	return 5000000000u;
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

static void
post(const void *message, uint32_t bytes)
{
	vmbus_receive(&vmbus, message, bytes);
}

static void
post_simple(uint32_t type)
{
	struct vmbus_message_header header = { .type = type };

	post(&header, sizeof(header));
}

static void
post_relid(uint32_t type, uint32_t relid)
{
	struct vmbus_relid_message message = { { .type = type }, relid };

	post(&message, sizeof(message));
}

static void
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

/* The n-th last message to the guest. */
static const void *
reply(uint32_t back, uint32_t type)
{
	const struct vmbus_message_header *header;

	assert_true(sent_count > back);
	header = (const void *)sent[sent_count - 1 - back].bytes;
	assert_int_equal(header->type, type);
	return header;
}

static void
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

static uint32_t
created_status(void)
{
	const struct vmbus_gpadl_created *created = reply(0, VMBUS_GPADL_CREATED);

	return created->status;
}

static uint32_t
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

static int
start(void **state)
{
	const struct hv_offer offer = { .instance = { 1, 2, 3 }, .monitor = true };

	(void)state;
	memset(&primary, 0, sizeof(primary));
	memset(&sub, 0, sizeof(sub));
	memset(ram, 0xff, sizeof(ram));
	sent_count = violations = listening = flags = 0;
	map_result = 0;
	vmbus_init(&vmbus, "guest", 2, VMBUS_V5_3, &machine, NULL);
	device = vmm_transport.offer((struct hv_guest *)(void *)&vmbus, &offer, &nic, &primary);
	return device == NULL ? -1 : 0;
}

static int
stop(void **state)
{
	(void)state;
	vmbus_fini(&vmbus);
	return mapped == 0 && listening == 0 ? 0 : -1;
}

static void
connect_guest(bool with_monitor)
{
	contact(VMBUS_V5_3, with_monitor);
	post_simple(VMBUS_REQUEST_OFFERS);
}

static void
open_primary(void)
{
	connect_guest(false);
	post_gpadl(1, 0xe1e10, 40, 100);
	assert_int_equal(created_status(), 0);
	assert_int_equal(post_open(1, 0xe1e10, 20, 1), 0);
}

/* ---- connection ---- */

static void
only_versions_up_to_the_newest_are_agreed(void **state)
{
	static const struct {
		uint32_t version;
		bool ok;
	} cases[] = {
		{ VMBUS_V6_0, false }, { VMBUS_VERSION(5, 4), false }, { VMBUS_V5_3, true },
		{ VMBUS_V5_0, true }, { VMBUS_V4_1, true }, { VMBUS_VERSION(4, 0), true },
		{ VMBUS_V2_4, true }, { VMBUS_VERSION(1, 1), false }, { 0, false },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct vmbus_version_response *response;

		contact(cases[i].version, false);
		response = reply(0, VMBUS_VERSION_RESPONSE);
		assert_int_equal(response->supported, cases[i].ok);
		assert_int_equal(sent[sent_count - 1].length, 16);
		assert_int_equal(sent[sent_count - 1].vp, 1);
		if (cases[i].ok)
			assert_int_equal(response->connection_id, cases[i].version >= VMBUS_V5_0 ?
				VMBUS_CONNECTION_NEW : cases[i].version);
	}
	assert_int_equal(violations, 0);
}

static void
version_6_0_answers_with_the_features_both_have(void **state)
{
	const struct vmbus_version_response *response;

	(void)state;
	vmbus.version_max = VMBUS_V6_0;
	contact(VMBUS_V6_0, false);
	response = reply(0, VMBUS_VERSION_RESPONSE);
	assert_int_equal(sent[sent_count - 1].length, 20);
	assert_int_equal(response->features, VMBUS_FEATURE_CLIENT_ID);
}

static void
an_offer_has_the_class_and_instance_as_the_wire_wants_them(void **state)
{
	static const uint8_t class_id[] = { 0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46 };
	const struct vmbus_offer *offer;

	(void)state;
	connect_guest(false);
	reply(0, VMBUS_ALL_OFFERS_DELIVERED);
	offer = reply(1, VMBUS_OFFER);
	assert_memory_equal(offer->class_id, class_id, sizeof(class_id));
	assert_int_equal(offer->instance[3], 1);
	assert_int_equal(offer->relid, 1);
	assert_int_equal(offer->connection_id, 0x2001);
	assert_int_equal(offer->dedicated_interrupt, 1);
	/* The guest gave no pages: it is to signal by hypercall. */
	assert_int_equal(offer->monitor_allocated, 0);
	assert_int_equal(offer->monitor_id, VMBUS_MONITOR_NONE);
}

static void
malformed_messages_are_violations_and_nothing_else(void **state)
{
	static const struct {
		uint32_t type, bytes;
	} cases[] = {
		{ VMBUS_OFFER, 196 }, { VMBUS_OPEN, 147 }, { VMBUS_CLOSE, 8 }, { VMBUS_CLOSE, 11 },
		{ VMBUS_GPADL_HEADER, 27 }, { VMBUS_GPADL_BODY, 12 }, { VMBUS_RELID_RELEASED, 9 },
		{ VMBUS_INITIATE_CONTACT, 39 }, { VMBUS_MODIFY_CHANNEL, 12 }, { 0, 8 },
		{ 12345, 240 }, { UINT32_MAX, 8 }, { VMBUS_UNLOAD, 7 }, { VMBUS_UNLOAD, 0 },
		{ VMBUS_TL_CONNECT, 240 }, { VMBUS_UNLOAD, 241 },
	};
	uint8_t message[300] = { 0 };
	uint32_t before;

	(void)state;
	connect_guest(false);
	before = sent_count;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(message, &cases[i].type, sizeof(uint32_t));
		post(message, cases[i].bytes);
		assert_int_equal(violations, i + 1);
	}
	assert_int_equal(sent_count, before);
	assert_true(vmbus.connected);
}

static void
nothing_but_a_contact_is_taken_without_a_connection(void **state)
{
	(void)state;
	post_simple(VMBUS_REQUEST_OFFERS);
	post_gpadl(1, 1, 1, 0);
	post_relid(VMBUS_CLOSE, 1);
	assert_int_equal(violations, 3);
	assert_int_equal(sent_count, 0);
}

static void
a_contact_with_one_monitor_page_or_one_that_is_no_ram_fails(void **state)
{
	struct vmbus_initiate_contact message = {
		.header = { .type = VMBUS_INITIATE_CONTACT }, .version = VMBUS_V5_3,
		.monitor_to_host = MONITOR_PAGE * HV_PAGE_BYTES,
	};
	const struct vmbus_version_response *response;

	(void)state;
	post(&message, sizeof(message));
	response = reply(0, VMBUS_VERSION_RESPONSE);
	assert_int_equal(response->state, 2);
	message.monitor_to_guest = HV_PAGE_BYTES;
	message.monitor_to_host = RAM_PAGES * HV_PAGE_BYTES;
	post(&message, sizeof(message));
	message.monitor_to_host = MONITOR_PAGE * HV_PAGE_BYTES + 8;
	post(&message, sizeof(message));
	assert_int_equal(violations, 3);
	assert_false(vmbus.connected);
	message.target_vp = 2;
	post(&message, sizeof(message));
	assert_int_equal(violations, 4);
	assert_int_equal(sent_count, 3);        /* there is nobody to answer */
}

/* ---- page lists ---- */

static void
a_gpadl_becomes_memory_when_its_last_page_has_come(void **state)
{
	uint8_t *base;
	uint64_t bytes;

	(void)state;
	connect_guest(false);
	post_gpadl(1, 7, 7936, 100);
	assert_int_equal(created_status(), 0);
	assert_int_equal(vmm_transport.gpadl(device, 7, &base, &bytes), 0);
	assert_int_equal(bytes, 7936 * HV_PAGE_BYTES);
	assert_int_equal(vmm_transport.gpadl(device, 8, &base, &bytes), -ENOENT);
	assert_int_equal(violations, 0);
}

static void
malformed_gpadls_fail_and_leave_nothing(void **state)
{
	static const struct vmbus_gpadl_header cases[] = {
		{ .relid = 2, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 0, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 99999, .gpadl = 5, .range_count = 1, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 0, .range_count = 1, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 0, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 2, .byte_count = 4096 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 0 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 4095 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 4096, .byte_offset = 8 },
		{ .relid = 1, .gpadl = 5, .range_count = 1, .byte_count = 0xfffff000 },
	};

	(void)state;
	connect_guest(false);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vmbus_gpadl_header message = cases[i];

		message.header.type = VMBUS_GPADL_HEADER;
		post(&message, sizeof(message));
		assert_int_equal(created_status(), VMBUS_STATUS_FAILED);
		assert_int_equal(violations, i + 1);
	}
	assert_int_equal(vmbus.gpadl_count, 0);
	assert_int_equal(vmbus.gpadl_pages, 0);
}

static void
a_gpadl_of_pages_that_are_no_ram_fails(void **state)
{
	(void)state;
	connect_guest(false);
	post_gpadl(1, 7, 3, 0xffffe);
	assert_int_equal(created_status(), VMBUS_STATUS_FAILED);
	assert_int_equal(vmbus.gpadl_count, 0);
	/* Its number may be used again. */
	post_gpadl(1, 7, 3, 100);
	assert_int_equal(created_status(), 0);
}

static void
page_numbers_beyond_the_end_of_a_gpadl_are_not_taken(void **state)
{
	struct {
		struct vmbus_gpadl_header header;
		uint8_t numbers[4 * 8];
	} message = { .header = {
		.header = { .type = VMBUS_GPADL_HEADER }, .relid = 1, .gpadl = 9,
		.range_count = 1, .byte_count = HV_PAGE_BYTES,
	} };
	struct vmbus_gpadl_body body = { .header = { .type = VMBUS_GPADL_BODY }, .gpadl = 9 };

	(void)state;
	connect_guest(false);
	post(&message, sizeof(message));
	assert_int_equal(created_status(), 0);
	assert_int_equal(violations, 1);
	post(&body, sizeof(body));
	assert_int_equal(violations, 2);
	assert_int_equal(vmbus.gpadl_pages, 1);
}

static void
gpadls_of_two_processors_may_come_interleaved(void **state)
{
	uint8_t a[VMBUS_MESSAGE_MAX] = { 0 }, b[VMBUS_MESSAGE_MAX] = { 0 };
	struct vmbus_gpadl_header header = {
		.header = { .type = VMBUS_GPADL_HEADER }, .relid = 1, .gpadl = 1, .range_count = 1,
		.byte_count = 27 * HV_PAGE_BYTES,
	};
	struct vmbus_gpadl_body body = { .header = { .type = VMBUS_GPADL_BODY }, .gpadl = 1 };

	(void)state;
	connect_guest(false);
	memcpy(a, &header, sizeof(header));
	header.gpadl = 2;
	memcpy(b, &header, sizeof(header));
	post(a, 28 + 26 * 8);
	post(b, 28 + 26 * 8);
	memcpy(a, &body, sizeof(body));
	body.gpadl = 2;
	memcpy(b, &body, sizeof(body));
	memset(a + 16, 0, 8);
	memset(b + 16, 0, 8);
	post(b, 24);
	assert_int_equal(created_status(), 0);
	post(a, 24);
	assert_int_equal(created_status(), 0);
	assert_int_equal(mapped, 2);
}

static void
a_teardown_is_answered_also_for_a_gpadl_that_is_not_there(void **state)
{
	struct vmbus_gpadl_teardown message = {
		.header = { .type = VMBUS_GPADL_TEARDOWN }, .relid = 1, .gpadl = 77,
	};

	(void)state;
	connect_guest(false);
	post(&message, sizeof(message));
	reply(0, VMBUS_GPADL_TORNDOWN);
	assert_int_equal(violations, 1);
}

/* The VSP may still write to it: a guest's kernel that reuses the pages early
 * harms only itself, the host must not read what is no longer mapped. */
static void
memory_torn_down_under_an_open_channel_is_kept_until_it_is_closed(void **state)
{
	struct vmbus_gpadl_teardown message = {
		.header = { .type = VMBUS_GPADL_TEARDOWN }, .relid = 1, .gpadl = 0xe1e10,
	};
	uint8_t *base;
	uint64_t bytes;

	(void)state;
	open_primary();
	post(&message, sizeof(message));
	reply(0, VMBUS_GPADL_TORNDOWN);
	assert_int_equal(mapped, 1);
	assert_int_equal(vmm_transport.gpadl(device, 0xe1e10, &base, &bytes), -ENOENT);
	post_relid(VMBUS_CLOSE, 1);
	assert_int_equal(primary.closed, 1);
	assert_int_equal(mapped, 0);
	assert_int_equal(violations, 0);
}

/* ---- channels ---- */

static void
rings_lie_where_the_open_says(void **state)
{
	(void)state;
	open_primary();
	assert_int_equal(primary.opened, 1);
	assert_int_equal(primary.rings.to_host_bytes, 19 * HV_PAGE_BYTES);
	assert_int_equal(primary.rings.to_guest_bytes, 19 * HV_PAGE_BYTES);
	assert_ptr_equal(primary.rings.to_guest_page,
		primary.rings.to_host_page + 20 * HV_PAGE_BYTES);
	assert_int_equal(listening, 1);
}

static void
opens_with_impossible_rings_fail(void **state)
{
	static const struct {
		uint32_t gpadl, split, vp;
	} cases[] = {
		{ 5, 0, 0 }, { 5, 1, 0 }, { 5, 39, 0 }, { 5, 40, 0 }, { 5, UINT32_MAX, 0 },
		{ 5, 20, 2 }, { 6, 20, 0 },
	};

	(void)state;
	connect_guest(false);
	post_gpadl(1, 5, 40, 100);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(post_open(1, cases[i].gpadl, cases[i].split, cases[i].vp),
			VMBUS_STATUS_FAILED);
		assert_int_equal(violations, i + 1);
	}
	assert_int_equal(primary.opened, 0);
	assert_int_equal(post_open(1, 5, 20, VMBUS_VP_NONE), 0);
	vmm_transport.interrupt(primary.handle);
	assert_int_equal(flags, 0);     /* it did not want any */
}

static void
an_open_that_the_vsp_refuses_fails(void **state)
{
	(void)state;
	primary.open_result = -EBUSY;
	connect_guest(false);
	post_gpadl(1, 5, 40, 100);
	assert_int_equal(post_open(1, 5, 20, 0), VMBUS_STATUS_FAILED);
	assert_int_equal(listening, 0);
	assert_int_equal(violations, 0);
}

static void
channels_are_not_opened_or_closed_twice(void **state)
{
	(void)state;
	open_primary();
	assert_int_equal(post_open(1, 0xe1e10, 20, 1), VMBUS_STATUS_FAILED);
	assert_int_equal(violations, 1);
	post_relid(VMBUS_CLOSE, 1);
	post_relid(VMBUS_CLOSE, 1);
	assert_int_equal(violations, 2);
	assert_int_equal(primary.closed, 1);
}

static void
interrupts_go_to_the_processor_that_the_guest_chose(void **state)
{
	struct vmbus_modify_channel modify = {
		.header = { .type = VMBUS_MODIFY_CHANNEL }, .relid = 1, .target_vp = 0,
	};
	const struct vmbus_modify_channel_response *response;

	(void)state;
	open_primary();
	vmm_transport.interrupt(primary.handle);
	assert_int_equal(flagged_vp, 1);
	assert_int_equal(flagged_relid, 1);
	post(&modify, sizeof(modify));
	response = reply(0, VMBUS_MODIFY_CHANNEL_RESPONSE);
	assert_int_equal(response->status, 0);
	vmm_transport.interrupt(primary.handle);
	assert_int_equal(flagged_vp, 0);
	modify.target_vp = 2;
	post(&modify, sizeof(modify));
	response = reply(0, VMBUS_MODIFY_CHANNEL_RESPONSE);
	assert_int_equal(response->status, VMBUS_STATUS_FAILED);
	assert_int_equal(violations, 1);
}

static void
a_rescinded_relid_is_not_used_again_before_its_release(void **state)
{
	struct vmbus_open late = { .header = { .type = VMBUS_OPEN }, .relid = 1 };
	const struct hv_offer offer = { .instance = { 9 } };
	const struct vmbus_offer *again;
	uint32_t before;

	(void)state;
	open_primary();
	vmm_transport.rescind(device);
	reply(0, VMBUS_RESCIND);
	assert_int_equal(mapped, 0);
	assert_int_equal(listening, 0);
	before = sent_count;
	post(&late, sizeof(late));      /* the guest did not know yet */
	assert_int_equal(sent_count, before);
	assert_int_equal(violations, 0);
	vmbus.next_relid = 1;
	device = vmm_transport.offer((struct hv_guest *)(void *)&vmbus, &offer, &nic, &primary);
	again = reply(0, VMBUS_OFFER);
	assert_int_equal(again->relid, 2);
	post_relid(VMBUS_RELID_RELEASED, 1);
	assert_int_equal(violations, 0);
	assert_int_equal(vmbus.relid_state[1], RELID_FREE);
	post_relid(VMBUS_RELID_RELEASED, 2);
	assert_int_equal(violations, 1);        /* that one is in use */
}

static void
subchannels_go_with_their_primary_opened_or_not(void **state)
{
	const struct vmbus_offer *offer;

	(void)state;
	open_primary();
	assert_int_equal(vmm_transport.offer_subchannel(device, 0, &sub), -EINVAL);
	assert_int_equal(vmm_transport.offer_subchannel(device, 64, &sub), -EINVAL);
	assert_int_equal(vmm_transport.offer_subchannel(device, 1, &sub), 0);
	offer = reply(0, VMBUS_OFFER);
	assert_int_equal(offer->subchannel, 1);
	assert_int_equal(offer->relid, 2);
	post_relid(VMBUS_CLOSE, 1);
	reply(0, VMBUS_RESCIND);
	assert_int_equal(vmbus.relid_state[2], RELID_RESCINDED);
	assert_int_equal(violations, 0);
}

static void
an_unload_closes_all_and_the_next_contact_is_offered_the_same(void **state)
{
	const struct vmbus_offer *offer;

	(void)state;
	open_primary();
	post_simple(VMBUS_UNLOAD);
	reply(0, VMBUS_UNLOAD_RESPONSE);
	assert_int_equal(primary.closed, 1);
	assert_int_equal(mapped, 0);
	post_relid(VMBUS_RELID_RELEASED, 1);    /* a kernel does so after it */
	assert_int_equal(violations, 0);
	connect_guest(false);
	offer = reply(1, VMBUS_OFFER);
	assert_int_equal(offer->relid, 1);
	/* A contact on a live connection is an unload, too. */
	connect_guest(false);
	reply(1, VMBUS_OFFER);
	assert_int_equal(violations, 0);
}

static void
a_bit_of_the_monitor_page_signals_its_channel(void **state)
{
	struct vmbus_monitor_page *page = (void *)ram[MONITOR_PAGE];
	const struct vmbus_offer *offer;

	(void)state;
	connect_guest(true);
	offer = reply(1, VMBUS_OFFER);
	assert_int_equal(offer->monitor_allocated, 1);
	assert_int_equal(offer->monitor_id, 0);
	assert_int_equal(page->parameter[0][0].connection_id, 0x2001);
	post_gpadl(1, 5, 40, 100);
	assert_int_equal(post_open(1, 5, 20, 0), 0);
	page->trigger[0].pending = 1;
	assert_true(vmbus_monitor_pending(&vmbus));
	assert_int_equal(vmbus_monitor_look(&vmbus), 1);
	assert_int_equal(primary.signalled, 1);
	assert_int_equal(page->trigger[0].pending, 0);
	page->trigger[3].pending = 1u << 31;
	vmbus.monitor_next_ns = 0;
	assert_int_equal(vmbus_monitor_look(&vmbus), 0);
	assert_int_equal(violations, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_versions_up_to_the_newest_are_agreed),
		CASE(version_6_0_answers_with_the_features_both_have),
		CASE(an_offer_has_the_class_and_instance_as_the_wire_wants_them),
		CASE(malformed_messages_are_violations_and_nothing_else),
		CASE(nothing_but_a_contact_is_taken_without_a_connection),
		CASE(a_contact_with_one_monitor_page_or_one_that_is_no_ram_fails),
		CASE(a_gpadl_becomes_memory_when_its_last_page_has_come),
		CASE(malformed_gpadls_fail_and_leave_nothing),
		CASE(a_gpadl_of_pages_that_are_no_ram_fails),
		CASE(page_numbers_beyond_the_end_of_a_gpadl_are_not_taken),
		CASE(gpadls_of_two_processors_may_come_interleaved),
		CASE(a_teardown_is_answered_also_for_a_gpadl_that_is_not_there),
		CASE(memory_torn_down_under_an_open_channel_is_kept_until_it_is_closed),
		CASE(rings_lie_where_the_open_says),
		CASE(opens_with_impossible_rings_fail),
		CASE(an_open_that_the_vsp_refuses_fails),
		CASE(channels_are_not_opened_or_closed_twice),
		CASE(interrupts_go_to_the_processor_that_the_guest_chose),
		CASE(a_rescinded_relid_is_not_used_again_before_its_release),
		CASE(subchannels_go_with_their_primary_opened_or_not),
		CASE(an_unload_closes_all_and_the_next_contact_is_offered_the_same),
		CASE(a_bit_of_the_monitor_page_signals_its_channel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
