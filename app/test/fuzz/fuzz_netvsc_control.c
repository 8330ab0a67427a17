/* SPDX-License-Identifier: BSD-3-Clause */

/* The control path, whole, against a host whose answers are the input's:
 * negotiation, questions, settings, reopening, closing. Each answer is changed,
 * lengthened, cut, left out, sent twice, or comes behind something else. */

#include "fuzz.h"

#include <rte_log.h>

#include "../drivers/fake_world.h"
#include "netvsc_event.h"
#include "netvsc_link.h"
#include "netvsc_ndis.h"
#include "netvsc_offload.h"
#include "netvsc_poll.h"
#include "netvsc_rndis.h"
#include "netvsc_rss.h"

#define OPS_MAX 12u
/* The scripted host's ring ends the test if it is full. */
#define RING_SPARE 4096u

static struct fuzz_input input;

static bool
ring_has_room(void)
{
	const struct vmbus_ring_page *page = (void *)(fake_world.rings + FAKE_RING_BYTES);
	uint32_t used = (fake_world.rx_write + FAKE_RING_DATA_BYTES -
		page->read_index % FAKE_RING_DATA_BYTES) % FAKE_RING_DATA_BYTES;

	return used + RING_SPARE < FAKE_RING_DATA_BYTES;
}

static void
host_says(uint8_t how)
{
	uint8_t message[512];
	uint32_t bytes = fuzz_u8(&input);

	if (!ring_has_room())
		return;
	fuzz_bytes(&input, message, bytes);
	if (how % 3 == 0)
		fake_host_inband(message, bytes);
	else if (how % 3 == 1)
		fake_host_rndis(message, bytes);
	else
		fake_host_complete(fuzz_u64(&input), message, bytes);
}

/* Any packet, as it comes out of the input. */
static void
host_writes(void)
{
	uint8_t ext[128], payload[256];
	struct fake_packet packet = {
		.type = fuzz_u8(&input), .transaction_id = fuzz_u32(&input),
		.ext = ext, .ext_bytes = fuzz_u8(&input) % 16 * 8u,
		.payload = payload, .bytes = fuzz_u8(&input),
	};

	if (!ring_has_room())
		return;
	fuzz_bytes(&input, ext, sizeof(ext));
	fuzz_bytes(&input, payload, packet.bytes);
	fake_world_write(&packet);
}

/* The host keeps to what it said of its send buffer. */
static void
remember(const struct fake_held *answer)
{
	struct nvsp_send_buffer_complete complete;

	memcpy(&complete, answer->payload, sizeof(complete));
	if (answer->type == VMBUS_PACKET_COMPLETION &&
	    complete.type == NVSP_SEND_BUFFER_COMPLETE)
		fake_host->set.send_section_bytes = complete.section_bytes;
}

static bool
meddle(struct fake_held *answer)
{
	uint8_t how = fuzz_u8(&input);
	uint32_t at, value;

	if (!ring_has_room())
		return false;
	switch (how % 12) {
	case 1:
		answer->bytes = fuzz_u16(&input) % (uint32_t)(sizeof(answer->payload) + 1);
		break;
	case 2:
		at = fuzz_u8(&input) % (uint32_t)(sizeof(answer->payload) - 4);
		value = fuzz_u32(&input);
		memcpy(answer->payload + at, &value, sizeof(value));
		break;
	case 3:
		/* Behind the type and, of RNDIS, the length and the id. */
		at = answer->type == VMBUS_PACKET_COMPLETION ? 4 : 12;
		fuzz_bytes(&input, answer->payload + at, fuzz_u8(&input));
		break;
	case 4:
		return false;
	case 5:
		answer->transaction_id = fuzz_u64(&input);
		break;
	case 6:
		host_says(how / 12);
		break;
	case 7:
		host_writes();
		break;
	default:
		break;
	}
	remember(answer);
	return true;
}

static void
ask(struct netvsc_device *dev, uint8_t which)
{
	const struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };
	uint64_t counter;

	switch (which % 8) {
	case 0:
		netvsc_ndis_query_mac(dev);
		break;
	case 1:
		netvsc_ndis_query_mtu(dev);
		break;
	case 2:
		netvsc_ndis_query_link(dev);
		break;
	case 3:
		netvsc_ndis_query_counter(dev, OID_GEN_RCV_NO_BUFFER, &counter);
		break;
	case 4:
		netvsc_ndis_set_filter(dev);
		break;
	case 5:
		netvsc_ndis_set_mac(dev, &mac);
		break;
	case 6:
		netvsc_ndis_set_multicast(dev, &mac, 1);
		break;
	default:
		netvsc_link_restore(dev);
		break;
	}
}

static void
step_open(struct fake_host *host, uint8_t op)
{
	if (op % 8 == 1) {
		host_says(op / 8);
		netvsc_poll_control(&host->dev);
	} else if (op % 8 == 2) {
		host_writes();
		netvsc_poll_control(&host->dev);
	} else if (op % 8 == 3) {
		fake_alarm_run();
	} else {
		ask(&host->dev, op / 8);
	}
}

static void
step(struct fake_host *host)
{
	uint8_t op = fuzz_u8(&input);

	if (host->vmbus.shared == NULL)
		netvsc_link_open(&host->dev, &host->vmbus, 1 + op / 8 % 8);
	else if (op % 8 == 0)
		netvsc_link_reopen(&host->dev, &host->vmbus,
			(uint16_t)(68 + fuzz_u16(&input) % 9000), 1);
	else
		step_open(host, op);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fake_host *host = fake_host_start((size & 1) != 0);

	rte_log_set_global_level(RTE_LOG_EMERG);
	input = (struct fuzz_input){ data, size };
	host->set.answer_first = (fuzz_u8(&input) & 1) != 0;
	host->meddle = meddle;
	netvsc_link_open(&host->dev, &host->vmbus, 1 + fuzz_u8(&input) % 8);
	for (unsigned int i = 0; i < OPS_MAX && input.left != 0; i++)
		step(host);
	if (host->vmbus.shared != NULL)
		netvsc_link_close(&host->dev, &host->vmbus);
	netvsc_event_cancel(&host->dev);
	fake_host_stop();
	return 0;
}
