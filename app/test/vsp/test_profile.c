/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of host profiles: complete, consistent, and different by row. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../drivers/net/netvsc/nvsp_wire.h"
#include "../../hvsim/core/util.h"
#include "../../hvsim/vsp/profile.h"
#include "../../hvsim/vsp/vsp.h"

static void
every_documented_profile_exists_in_order(void **state)
{
	static const char *const names[] = { "ws2008", "ws2008r2", "ws2012", "ws2012r2", "ws2016",
		"ws2019", "ws2022", "azure", "openvmm" };
	const struct vsp_profile *profile = NULL;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		profile = vsp_profile_next(profile);
		assert_string_equal(vsp_profile_name(profile), names[i]);
		assert_ptr_equal(vsp_profile_find(names[i]), profile);
		assert_true(strlen(vsp_profile_about(profile)) > 20);
	}
	assert_null(vsp_profile_next(profile));
	assert_int_equal(vsp_profile_count, ARRAY_SIZE(names));
}

static void
unknown_names_are_not_found(void **state)
{
	(void)state;
	assert_null(vsp_profile_find(""));
	assert_null(vsp_profile_find("ws20"));
	assert_null(vsp_profile_find("WS2022"));
	assert_null(vsp_profile_find("ws2022 "));
}

static void
features_need_the_version_that_brought_them(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < vsp_profile_count; i++) {
		const struct vsp_profile *p = &vsp_profiles[i];

		if (p->vf)
			assert_true(p->nvsp_max >= NVSP_VERSION_4);
		if (p->rss_revision > 0 || p->queues_max > 1)
			assert_true(p->nvsp_max >= NVSP_VERSION_5);
		if (p->rsc)
			assert_true(p->nvsp_max >= NVSP_VERSION_61 && p->ppi & VSP_PPI_PACKET_ID);
		if (p->ppi & VSP_PPI_HASH)
			assert_true(p->rss_revision > 0);
		assert_true(p->offload_revision >= 1 && p->offload_revision <= 3);
	}
}

static void
sizes_are_usable(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < vsp_profile_count; i++) {
		const struct vsp_profile *p = &vsp_profiles[i];

		assert_true(p->suballoc_round_bytes >= 1);
		assert_true(p->suballoc_extra_bytes >= p->frame_offset);
		assert_true(p->send_section_bytes % 4 == 0 && p->send_section_bytes > 0);
		assert_true(p->packets_per_message >= 1);
		assert_true(p->alignment_shift <= 3);
		assert_true(p->queues_max >= 1 && p->queues_max <= 64);
		assert_true(p->rss_table_entries <= 256);
		/* The table fits the longest host message. */
		assert_true(p->indirection_offset + 64 <= 128);
		assert_true(p->indirection_offset % 4 == 0);
	}
}

static void
what_nobody_documents_differs_from_row_to_row(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < vsp_profile_count; i++) {
		for (unsigned int k = 0; k < i; k++) {
			const struct vsp_profile *a = &vsp_profiles[i], *b = &vsp_profiles[k];

			assert_false(a->suballoc_extra_bytes == b->suballoc_extra_bytes &&
				a->suballoc_round_bytes == b->suballoc_round_bytes);
		}
	}
}

static void
openvmm_is_what_was_observed(void **state)
{
	const struct vsp_profile *p = vsp_profile_find("openvmm");

	(void)state;
	assert_int_equal(p->frame_offset, 256);
	assert_int_equal(p->suballoc_extra_bytes, 292);
	assert_int_equal(p->suballoc_round_bytes, 1);
	assert_int_equal(p->send_section_bytes, 6144);
	assert_int_equal(p->indirection_offset, 12);
	assert_int_equal(p->frame_max_bytes, 9216);
	assert_true(p->full_ranges);
	assert_int_equal(p->ppi, VSP_PPI_CSUM | VSP_PPI_VLAN | VSP_PPI_CSUM_ALWAYS);
	assert_false(p->rsc || p->multicast_list || p->statistics || p->mac_filter ||
		p->filter_readable);
	assert_null(strstr(p->about, "chosen"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_documented_profile_exists_in_order),
		cmocka_unit_test(unknown_names_are_not_found),
		cmocka_unit_test(features_need_the_version_that_brought_them),
		cmocka_unit_test(sizes_are_usable),
		cmocka_unit_test(what_nobody_documents_differs_from_row_to_row),
		cmocka_unit_test(openvmm_is_what_was_observed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
