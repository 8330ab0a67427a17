/* SPDX-License-Identifier: BSD-3-Clause */

/* Channels of a guest on KVM: opened, moved, rescinded, signalled. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "vmbus_fixture.h"

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
a_channel_is_not_opened_with_the_page_list_of_another(void **state)
{
	const struct hv_offer offer = { .instance = { 9 } };
	struct vsp_channel other = { 0 };
	struct hv_device *second;

	(void)state;
	connect_guest(false);
	second = vmm_transport.offer((struct hv_guest *)(void *)&vmbus, &offer, &nic, &other);
	assert_non_null(second);
	post_gpadl(2, 5, 40, 100);
	assert_int_equal(created_status(), 0);
	assert_int_equal(post_open(1, 5, 20, 0), VMBUS_STATUS_FAILED);
	assert_int_equal(violations, 1);
	assert_int_equal(post_open(2, 5, 20, 0), 0);
	vmm_transport.rescind(second);
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
	monitor_unread = true;          /* a host with the fault "rarely" */
	assert_int_equal(vmbus_monitor_look(&vmbus), 0);
	assert_int_equal(page->trigger[0].pending, 1);
	monitor_unread = false;
	assert_int_equal(vmbus_monitor_look(&vmbus), 1);
	assert_int_equal(primary.signalled, 1);
	assert_int_equal(page->trigger[0].pending, 0);
	page->trigger[3].pending = 1u << 31;
	vmbus.monitor_next_ns = 0;
	assert_int_equal(vmbus_monitor_look(&vmbus), 0);
	assert_int_equal(violations, 1);
}

static void
a_late_bit_of_a_rescinded_channel_is_excused_until_its_release(void **state)
{
	struct vmbus_monitor_page *page = (void *)ram[MONITOR_PAGE];

	(void)state;
	connect_guest(true);
	vmm_transport.rescind(device);
	for (unsigned int released = 0; released < 2; released++) {
		now_ns += 60000000000u;
		page->trigger[0].pending = 1;
		vmbus_monitor_look(&vmbus);
		assert_int_equal(page->trigger[0].pending, 0);
		assert_int_equal(violations, released);
		post_relid(VMBUS_RELID_RELEASED, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(rings_lie_where_the_open_says),
		CASE(opens_with_impossible_rings_fail),
		CASE(a_channel_is_not_opened_with_the_page_list_of_another),
		CASE(an_open_that_the_vsp_refuses_fails),
		CASE(channels_are_not_opened_or_closed_twice),
		CASE(interrupts_go_to_the_processor_that_the_guest_chose),
		CASE(a_rescinded_relid_is_not_used_again_before_its_release),
		CASE(subchannels_go_with_their_primary_opened_or_not),
		CASE(an_unload_closes_all_and_the_next_contact_is_offered_the_same),
		CASE(a_bit_of_the_monitor_page_signals_its_channel),
		CASE(a_late_bit_of_a_rescinded_channel_is_excused_until_its_release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
