/* SPDX-License-Identifier: BSD-3-Clause */

/* What hvsim's readers make of each case: channel packets, and a message of the
 * guest in a section of the send buffer. */

#include "lines.h"

#include <inttypes.h>

#include "../vsp/fake.h"
#include "core/log.h"

static uint8_t page[HV_PAGE_BYTES] __attribute__((aligned(4096)));
static uint8_t data[HV_PAGE_BYTES] __attribute__((aligned(4096)));

static void
ring_case(const struct line *line)
{
	static uint8_t copy[VSP_PACKET_COPY_MAX];
	struct vmbus_ring_page *words = (void *)page;
	struct host_packet packet;
	struct host_rx_ring ring;
	const char *comma = "";
	enum vsp_rule rule = VSP_RULE_COUNT;
	int ret;

	memset(page, 0, sizeof(page));
	memset(data, 0, sizeof(data));
	memcpy(data, line->bytes, HV_MIN(line->count, (uint32_t)sizeof(data)));
	words->read_index = line->read;
	host_rx_ring_init(&ring, page, data, sizeof(data));
	words->write_index = line->write;
	printf("{\"packets\":[");
	while ((ret = host_rx_ring_next(&ring, &packet, copy, &rule)) == 1) {
		printf("%s[%u,%u,%u,%u,%" PRIu64 ",%u]", comma, packet.extension_bytes + 16,
			packet.payload_bytes, packet.type, packet.flags, packet.transaction_id,
			packet.extension_bytes + packet.payload_bytes + 24);
		comma = ",";
	}
	printf("],\"sound\":%s,\"rule\":\"%s\"}\n", ret == 0 ? "true" : "false",
		ret == 0 ? "" : vsp_rule_name(rule));
}

static void
message_case(const struct line *line)
{
	const char *comma = "";
	uint64_t id;
	uint32_t status;

	fake.frame_count = 0;
	memcpy(fake.send, line->bytes, line->count);
	guest_send(0, 1, 0, line->count);
	fake_poll();
	status = guest_status(0, &id);
	printf("{\"status\":%u,\"frames\":[", status);
	for (unsigned int i = 0; i < fake.frame_count; i++, comma = ",") {
		printf("%s[\"", comma);
		for (uint32_t k = 0; k < fake.frames[i].bytes; k++)
			printf("%02x", fake.frames[i].data[k]);
		printf("\",%u,%u]", (fake.frames[i].flags & FRAME_VLAN) != 0, fake.frames[i].vlan_tci);
	}
	printf("]}\n");
}

int
main(void)
{
	static const struct fake_options options = { .check = CHECK_FULL };
	struct line line;

	log_set_level(LOG_ERROR);
	if (fake_start(&options) < 0)
		return 2;
	while (line_read(&line)) {
		if (strcmp(line.kind, "ring") == 0)
			ring_case(&line);
		else
			message_case(&line);
		free(line.bytes);
	}
	fake_stop();
	return 0;
}
