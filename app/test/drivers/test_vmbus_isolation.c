/* SPDX-License-Identifier: BSD-3-Clause */

/* What CPUID says of a confidential guest. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "vmbus_isolation.h"

static struct row {
	const char *vendor;
	uint32_t last, features_ebx, isolation_ebx;
	bool isolated;
} rows[] = {
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 1, true },              /* VBS */
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 2, true },              /* SNP */
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 8, true },              /* a kind to come */
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 0x25, true },           /* with shared boundary */
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 0, false },             /* told of, but none */
	{ "Microsoft Hv", 0x4000000C, 1u << 22, 0x20, false },
	{ "Microsoft Hv", 0x4000000C, ~(1u << 22), 2, false },          /* not told of */
	{ "Microsoft Hv", 0x4000000B, 1u << 22, 0, true },              /* kind not told */
	{ "Microsoft Hv", 0x40000002, 1u << 22, 2, false },             /* no such leaf */
	{ "Microsoft Hv", 0x40000003, 1u << 22, 0, true },              /* the first that tells */
	{ "Microsoft Hv", 0x4000FFFF, 1u << 22, 2, true },              /* the last there can be */
	{ "Microsoft Hv", 0x40010000, 1u << 22, 2, false },             /* no hypervisor's range */
	{ "Microsoft Hv", 0xFFFFFFFF, 1u << 22, 2, false },             /* no hypervisor's range */
	{ "Microsoft HV", 0x4000000C, 1u << 22, 2, false },
	{ "KVMKVMKVM\0\0\0", 0x4000000C, 1u << 22, 2, false },
	{ "\0\0\0\0\0\0\0\0\0\0\0\0", 0, 1u << 22, 2, false },
}, *row;

static struct vmbus_cpuid
told(uint32_t leaf)
{
	struct vmbus_cpuid out = { 0 };

	switch (leaf) {
	case 0x40000000:
		out.eax = row->last;
		memcpy(&out.ebx, row->vendor, 4);
		memcpy(&out.ecx, row->vendor + 4, 4);
		memcpy(&out.edx, row->vendor + 8, 4);
		break;
	case 0x40000003:
		out.ebx = row->features_ebx;
		break;
	case 0x4000000C:
		out.ebx = row->isolation_ebx;
		break;
	default:
		fail_msg("leaf 0x%x", leaf);
	}
	return out;
}

static void
a_guest_is_isolated_if_a_hyper_v_says_so_and_of_what_kind(void **state)
{
	(void)state;
	for (row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++)
		assert_int_equal(vmbus_isolation_told(told), row->isolated);
}

/* Tests run on machines that are no isolated guests of Hyper-V; asking must not
 * fault, and must come to the same each time. */
static void
the_processor_can_be_asked(void **state)
{
	(void)state;
	assert_int_equal(vmbus_isolation_here(), vmbus_isolation_here());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_is_isolated_if_a_hyper_v_says_so_and_of_what_kind),
		cmocka_unit_test(the_processor_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
