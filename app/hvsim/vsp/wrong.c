/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a host that goes wrong does by itself, beside what it does to its messages:
 * bytes that change behind the guest's back, floods, a monitor page that it seldom
 * looks at. See fault/fault.h.
 */

#include "data.h"

/* A flood leaves room for what an honest host sends. */
#define FLOOD_ROOM_BYTES 1024u
/* What takes no room ends, too. */
#define FLOOD_MAX 65536u
/* No guest has a request, and no host a section, of such a transaction id. */
#define FLOOD_ID 0x6b6f6f6c66000000ull
#define FLOOD_ID_MASK 0xffffffffff000000ull

static uint32_t flood_next;

/* What the guest may be reading by now: the packets from `from` on, and the message
 * that the last transfer's first range is about. */
void
wrong_shown(struct vsp_channel *channel, uint32_t from)
{
	const uint32_t header_bytes = sizeof(struct rndis_packet) + 2 * sizeof(struct rndis_ppi);
	const struct host_tx_ring *ring = &channel->to_guest;
	const struct vsp_nic *nic = channel->nic;

	if (ring->committed > from)
		fault_at(FAULT_SHOWN, ring->data + from, ring->committed - from);
	if (ring->committed != from && channel->ranges != NULL && nic->recv_base != NULL &&
	    range_ok(channel->ranges[0].byte_offset, header_bytes, nic->recv_bytes))
		fault_at(FAULT_SHOWN, nic->recv_base + channel->ranges[0].byte_offset, header_bytes);
}

/* ---- floods ---- */

static uint64_t
flood_id(void)
{
	return FLOOD_ID | (flood_next++ & ~(uint32_t)(FLOOD_ID_MASK));
}

bool
wrong_flood_back(uint64_t transaction_id)
{
	return flood_next != 0 && (transaction_id & FLOOD_ID_MASK) == FLOOD_ID;
}

static void
flood_completion(struct vsp_channel *channel)
{
	const struct nvsp_rndis_complete complete = { .type = NVSP_RNDIS_COMPLETE,
		.status = NVSP_STATUS_SUCCESS };

	channel_complete_unasked(channel, flood_id(), &complete, sizeof(complete));
}

/* Of an empty range: nobody owns a section of it, and the guest has to say so. */
static void
flood_transfer(struct vsp_channel *channel)
{
	const struct nvsp_rndis rndis = { .type = NVSP_RNDIS,
		.channel_type = NVSP_CHANNEL_DATA, .section_idx = NVSP_SECTION_NONE };
	const struct vmbus_transfer_range range = { .byte_count = 0 };

	channel_send_transfer(channel, flood_id(), &range, &rndis, sizeof(rndis));
}

static void
flood_note(struct vsp_channel *channel)
{
	const struct nvsp_vf_association note = { .type = NVSP_VF_ASSOCIATION };

	channel_send(channel, NVSP_TID_VF_ASSOCIATION, false, &note, sizeof(note));
}

unsigned int
wrong_flood(struct vsp_channel *channel)
{
	static const struct {
		enum fault_message message;
		void (*send)(struct vsp_channel *channel);
	} kinds[] = {
		{ FAULT_COMPLETION, flood_completion }, { FAULT_TRANSFER, flood_transfer },
		{ FAULT_VF_ASSOCIATION, flood_note }, { FAULT_INTERRUPT, channel_interrupt },
	};

	unsigned int sent = 0;

	if (channel->nic->state != NIC_OPERATIONAL)
		return 0;
	for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++) {
		uint64_t many = HV_MIN(FLOOD_MAX,
			fault_flood(kinds[k].message, (uint16_t)channel->index));

		while (many-- > 0 && channel_is_open(channel) && channel->pending_head == NULL &&
		       host_tx_ring_free_bytes(&channel->to_guest) > FLOOD_ROOM_BYTES) {
			kinds[k].send(channel);
			sent++;
		}
	}
	return sent;
}

/* ---- the monitor page ---- */

bool
vsp_monitor_unread(void)
{
	return fault_at(FAULT_MONITOR, NULL, 0) != FAULT_PASS;
}
