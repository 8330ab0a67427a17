/* SPDX-License-Identifier: BSD-3-Clause */

/* The conversation with a host of the newest version; see transcript_lines.h. */

#include "transcript_lines.h"

#include "netvsc_event.h"
#include "netvsc_link.h"

void
transcript_attach_61(void)
{
	TRANSCRIPT(
		{ ASK, "01000000 01000600 01000600", INIT_TAKEN },
		/* 1514 bytes, 0, capabilities SR-IOV, 802.1Q, RSC of 64 bits. */
		{ SAY, "7d000000 ea050000 00000000 8c000000 00000000", NULL },
		{ SAY, "64000000 06000000 1e000000", NULL },    /* NDIS 6.30 */
		{ ASK, RECV_BUFFER, RECV_TAKEN },
		{ ASK, SEND_BUFFER, SEND_TAKEN },
		{ RNDIS, RNDIS_INIT_SENT, RNDIS_INIT_DONE },
		SET_FILTER("00000000"),
		QUERY_MTU_1498, QUERY_MAC, QUERY_OFFLOAD, QUERY_RSS, QUERY_LINK_DOWN,
		/* Operation 1 allocates: 3 asked for, 2 granted. */
		{ ASK, "85000000 01000000 03000000", "85000000 01000000 02000000 (28)" });
}

struct fake_host *
transcript_open_61(void)
{
	struct fake_host *host = fake_host_start(true);

	transcript_begin((struct transcript_way){ .sections = false });
	transcript_attach_61();
	assert_int_equal(netvsc_link_open(&host->dev, &host->vmbus, 4), 0);
	transcript_check();
	return host;
}

void
transcript_close_61(struct fake_host *host)
{
	TRANSCRIPT(HALT, REVOKE_RECV, REVOKE_SEND);
	netvsc_link_close(&host->dev, &host->vmbus);
	transcript_check();
	assert_int_equal(host->errors, 0);
	netvsc_event_cancel(&host->dev);
	fake_host_stop();
}

void
transcript_told_offload(const struct ndis_offload *told)
{
	const uint32_t csum[] = { 2, 0x155, 2, 0x150, 2, 0x55, 2, 0x50 };
	const uint32_t lso[] = { 2, 0xf53c, 2, 2, 0xf53d, 3, 5, 0x77 };
	const uint8_t *bytes = (const uint8_t *)told;

	assert_memory_equal(bytes + 4, csum, sizeof(csum));
	assert_memory_equal(bytes + 80, lso, sizeof(lso));
	assert_int_equal(bytes[144], 1);
	assert_int_equal(bytes[145], 1);
	assert_int_equal(bytes[155], 0xdd);
}
