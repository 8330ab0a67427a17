/* SPDX-License-Identifier: BSD-3-Clause */

/* What the driver's decoders make of each case: verdict and view. */

#include "lines.h"

#include <inttypes.h>

#include "rndis_packet.h"
#include "vmbus_packet.h"

static uint8_t mem[2 * HV_PAGE_BYTES] __attribute__((aligned(4096)));

static void
ring_case(const struct line *line)
{
	struct vmbus_ring_page *page = (void *)mem;
	struct vmbus_rx_ring ring;
	struct vmbus_packet packet;
	const char *comma = "";
	int ret;

	memset(mem, 0, sizeof(mem));
	memcpy(mem + HV_PAGE_BYTES, line->bytes,
		line->count < HV_PAGE_BYTES ? line->count : HV_PAGE_BYTES);
	page->read_index = line->read;
	if (vmbus_rx_ring_attach(&ring, mem, sizeof(mem), HV_PAGE_BYTES) < 0)
		exit(2);
	page->write_index = line->write;
	printf("{\"packets\":[");
	while ((ret = vmbus_packet_peek(&ring, &packet)) == 1) {
		printf("%s[%u,%u,%u,%u,%" PRIu64 ",%u]", comma, packet.payload_off,
			packet.payload_bytes, packet.type, packet.flags, packet.transaction_id,
			packet.total_bytes);
		vmbus_packet_take(&ring, &packet);
		comma = ",";
	}
	printf("],\"sound\":%s}\n", ret == 0 ? "true" : "false");
}

static void
rndis_case(const struct line *line)
{
	struct rndis_rx_view view;
	uint32_t id;

	if (rndis_packet_decode(line->bytes, line->count, &view) < 0) {
		printf("null\n");
		return;
	}
	printf("{\"off\":%u,\"bytes\":%u", view.frame_off, view.frame_bytes);
	if ((view.has & RNDIS_RX_CSUM) != 0)
		printf(",\"csum\":%u", view.csum);
	if ((view.has & RNDIS_RX_VLAN) != 0)
		printf(",\"vlan\":%u", view.vlan);
	if ((view.has & RNDIS_RX_HASH_VALUE) != 0)
		printf(",\"hash_value\":%u", view.hash_value);
	if ((view.has & RNDIS_RX_HASH_INFO) != 0)
		printf(",\"hash_info\":%u", view.hash_info);
	memcpy(&id, &view.packet_id, sizeof(id));
	if ((view.has & RNDIS_RX_PACKET_ID) != 0)
		printf(",\"packet_id\":%u", id);
	printf("}\n");
}

int
main(void)
{
	struct line line;

	while (line_read(&line)) {
		if (strcmp(line.kind, "ring") == 0)
			ring_case(&line);
		else
			rndis_case(&line);
		free(line.bytes);
	}
	return 0;
}
