/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A channel's life on the host: opened, polled in bounded slices, asleep until
 * it is signalled, dead after a violation, closed. Packets are demultiplexed
 * here to tx.c (frames), rx.c (receive completions) and nvsp.c (all else).
 * Packets to the guest go through here; those that find no room wait in order.
 */

#include <errno.h>
#include <stdlib.h>

#include "../control/trace.h"
#include "../core/log.h"
#include "data.h"
#include "late.h"

/* What one channel may do before it is the next one's turn. */
#define SLICE_PACKETS 64u
#define SLICE_BYTES (256u * 1024u)
/* Idle polls after which a channel goes to sleep by itself. */
#define IDLE_ROUNDS 1000u
/* When the host looks once more at a channel that was just opened. */
#define UNSTICK_NS 100000000u
/* Signals that the host did not ask for until it says so: the guest may have
 * looked just before the host closed its mask. */
#define UNASKED_SIGNALS 4u

/* Set when the engine first asks whether it may sleep: a busy polling engine
 * never does, and its channels never sleep either. */
static bool may_sleep;

static uint8_t packet_copy[VSP_PACKET_COPY_MAX] __attribute__((aligned(64)));

bool
channel_is_open(const struct vsp_channel *channel)
{
	return channel->state == CHANNEL_AWAKE || channel->state == CHANNEL_ASLEEP;
}

void
channel_interrupt(struct vsp_channel *channel)
{
	channel->counters.interrupts++;
	channel->nic->transport->interrupt(channel->handle);
}

void
channel_commit(struct vsp_channel *channel)
{
	const uint32_t before = channel->to_guest.committed;
	bool interrupt;

	if (channel->state == CHANNEL_CLOSED)
		return;
	interrupt = host_rx_ring_publish(&channel->from_guest);
	interrupt |= host_tx_ring_publish(&channel->to_guest);
	if (unlikely(fault_armed != 0))
		wrong_shown(channel, before);
	if (interrupt)
		channel_interrupt(channel);
}

/* ---- packets to the guest ---- */

struct outgoing {
	struct vmbus_packet_header header;
	const void *extension;
	uint32_t extension_bytes;
	const void *payload;
	uint32_t bytes;
};

static void
pending_add(struct vsp_channel *channel, const struct outgoing *out)
{
	struct pending_packet *pending;

	pending = malloc(sizeof(*pending) + out->extension_bytes + out->bytes);
	if (pending == NULL) {
		log_error("%s: channel %u: no memory for a packet to the guest",
			channel->nic->config.name, channel->index);
		return;
	}
	pending->next = NULL;
	pending->header = out->header;
	pending->extension_bytes = out->extension_bytes;
	pending->bytes = out->extension_bytes + out->bytes;
	if (out->extension_bytes != 0)
		memcpy(pending->payload, out->extension, out->extension_bytes);
	if (out->bytes != 0)
		memcpy(pending->payload + out->extension_bytes, out->payload, out->bytes);
	*channel->pending_tail = pending;
	channel->pending_tail = &pending->next;
	channel->outstanding++;
}

static void
pending_free(struct vsp_channel *channel)
{
	while (channel->pending_head != NULL) {
		struct pending_packet *pending = channel->pending_head;

		channel->pending_head = pending->next;
		free(pending);
	}
	channel->pending_tail = &channel->pending_head;
	channel->outstanding = 0;
}

static void
put_failed(struct vsp_channel *channel, int error)
{
	if (error == -EAGAIN)
		channel->counters.ring_full++;
	else
		vsp_violation(channel, VSP_RULE_RING_INDEX, "read index of the receive ring");
}

/* Writes what waits, as far as there is room. */
static void
pending_flush(struct vsp_channel *channel)
{
	while (channel->pending_head != NULL) {
		struct pending_packet *pending = channel->pending_head;
		int ret = host_tx_ring_put(&channel->to_guest, &pending->header,
			pending->payload, pending->extension_bytes,
			pending->payload + pending->extension_bytes,
			pending->bytes - pending->extension_bytes);

		if (ret == -EPROTO)
			put_failed(channel, ret);
		if (ret < 0)
			return;
		channel->pending_head = pending->next;
		if (channel->pending_head == NULL)
			channel->pending_tail = &channel->pending_head;
		channel->outstanding--;
		free(pending);
	}
}

static void
channel_put(struct vsp_channel *channel, const struct outgoing *out)
{
	int ret = -EAGAIN;

	if (channel->state == CHANNEL_CLOSED)
		return;
	if (channel->pending_head == NULL)
		ret = host_tx_ring_put(&channel->to_guest, &out->header, out->extension,
			out->extension_bytes, out->payload, out->bytes);
	if (ret == -EAGAIN)
		pending_add(channel, out);
	if (ret < 0)
		put_failed(channel, ret);
}

static void
complete_now(struct vsp_channel *channel, uint64_t transaction_id, const void *payload,
	uint32_t bytes)
{
	const struct outgoing out = {
		.header = { .type = VMBUS_PACKET_COMPLETION, .transaction_id = transaction_id },
		.payload = payload,
		.bytes = bytes,
	};

	channel_put(channel, &out);
}

/* A function of its own: complete_now() itself, if others could call it, would not be put into
 * the one below, which costs 13 instructions a frame. */
void
channel_complete_unasked(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes)
{
	complete_now(channel, transaction_id, payload, bytes);
}

/* True if it is not sent now. */
static bool
complete_wrongly(struct vsp_channel *channel, enum fault_verdict verdict,
	uint64_t transaction_id, const void *payload, uint32_t bytes)
{
	const struct late late = { .channel = channel, .call = complete_now,
		.transaction_id = transaction_id, .payload = payload, .bytes = bytes };

	if (verdict == FAULT_TWICE)
		complete_now(channel, transaction_id, payload, bytes);
	return late_or_never(&late, verdict);
}

void
channel_complete_later(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes)
{
	enum fault_verdict verdict = fault_at(FAULT_COMPLETION, &transaction_id,
		sizeof(transaction_id));

	if (unlikely(verdict != FAULT_PASS) &&
	    complete_wrongly(channel, verdict, transaction_id, payload, bytes))
		return;
	complete_now(channel, transaction_id, payload, bytes);
	if (unlikely(late_held != 0))
		late_overtaken(channel);
}

void
channel_complete(struct vsp_channel *channel, uint64_t transaction_id,
	const void *payload, uint32_t bytes)
{
	if (!channel_is_open(channel))
		return;
	/* Completions leave in the order of the requests. */
	tx_flush(channel);
	channel_complete_later(channel, transaction_id, payload, bytes);
	channel_commit(channel);
}

void
channel_send(struct vsp_channel *channel, uint64_t transaction_id, bool want_completion,
	const void *payload, uint32_t bytes)
{
	struct outgoing out = {
		.header = {
			.type = VMBUS_PACKET_INBAND,
			.flags = want_completion ? VMBUS_PACKET_FLAG_COMPLETION_REQUESTED : 0,
			.transaction_id = transaction_id,
		},
		.payload = payload,
		.bytes = bytes,
	};

	if (!channel_is_open(channel))
		return;
	channel_put(channel, &out);
	channel_commit(channel);
}

void
channel_send_transfer(struct vsp_channel *channel, uint64_t transaction_id,
	const struct vmbus_transfer_range *range, const void *payload, uint32_t bytes)
{
	struct {
		struct vmbus_transfer_pages pages;
		struct vmbus_transfer_range range;
	} extension = {
		.pages = { .set_id = channel->nic->recv_id, .range_count = 1 },
		.range = *range,
	};
	struct outgoing out = {
		.header = {
			.type = VMBUS_PACKET_TRANSFER_PAGES,
			.flags = VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
			.transaction_id = transaction_id,
		},
		.extension = &extension,
		.extension_bytes = sizeof(extension),
		.payload = payload,
		.bytes = bytes,
	};

	if (!channel_is_open(channel))
		return;
	channel_put(channel, &out);
	channel_commit(channel);
}

/* ---- packets from the guest ---- */

static void
completion_dispatch(struct vsp_channel *channel, const struct host_packet *packet)
{
	/* The answers to the two VF messages mean nothing to the host. */
	if (channel->index == 0 && (packet->transaction_id == NVSP_TID_VF_ASSOCIATION ||
	    packet->transaction_id == NVSP_TID_SWITCH_DATA_PATH))
		return;
	rx_completed(channel, packet);
}

static void
dispatch(struct vsp_channel *channel, const struct host_packet *packet)
{
	struct nvsp_rndis rndis;

	if (packet->type == VMBUS_PACKET_COMPLETION) {
		completion_dispatch(channel, packet);
		return;
	}
	if (likely(packet->payload_bytes >= sizeof(rndis))) {
		memcpy(&rndis, packet->payload, sizeof(rndis));
		if (likely(rndis.type == NVSP_RNDIS && rndis.channel_type == NVSP_CHANNEL_DATA &&
		    channel->nic->state == NIC_OPERATIONAL)) {
			tx_handle(channel, packet);
			return;
		}
	}
	/* What came before it is done first. */
	tx_flush(channel);
	nvsp_handle(channel, packet);
}

/* Whether the guest left alone what is the host's. */
static void
check_words(struct vsp_channel *channel)
{
	if (!channel_is_open(channel))
		return;
	if (host_rx_ring_tampered(&channel->from_guest))
		vsp_violation(channel, VSP_RULE_RING_INDEX,
			"the guest wrote the host's read index");
	else if (host_tx_ring_tampered(&channel->to_guest))
		vsp_violation(channel, VSP_RULE_RING_INDEX,
			"the guest wrote the host's write index or pending send size");
	else if (host_rx_ring_mask_tampered(&channel->from_guest))
		vsp_violation(channel, VSP_RULE_RING_MASK, "while the host was %s",
			channel->state == CHANNEL_ASLEEP ? "asleep" : "awake");
}

static void
wake(struct vsp_channel *channel)
{
	channel->state = CHANNEL_AWAKE;
	channel->signalled = false;
	channel->idle_rounds = 0;
	channel->counters.wakeups++;
	host_rx_ring_mask(&channel->from_guest, true);
}

/* Tells the guest to signal and looks once more; false: there is work. */
static bool
fall_asleep(struct vsp_channel *channel)
{
	if (channel->outstanding >= VSP_TX_QUOTA)
		return channel->to_guest.blocked;       /* its signal will come for that */
	host_rx_ring_mask(&channel->from_guest, false);
	channel->unasked_signals = 0;
	if (!host_rx_ring_empty(&channel->from_guest)) {
		host_rx_ring_mask(&channel->from_guest, true);
		return false;
	}
	channel->state = CHANNEL_ASLEEP;
	channel->signalled = false;
	channel->counters.sleeps++;
	return true;
}

/* Takes packets until the slice, the ring or the quota is at its end. */
static unsigned int
read_packets(struct vsp_channel *channel)
{
	struct host_packet packet;
	enum vsp_rule rule = VSP_RULE_RING_INDEX;
	uint64_t end_bytes = channel->counters.tx_bytes + SLICE_BYTES;
	unsigned int work = 0;

	while (work < SLICE_PACKETS && channel->outstanding < VSP_TX_QUOTA &&
	       channel->counters.tx_bytes < end_bytes && channel->state == CHANNEL_AWAKE) {
		int ret;

		if (unlikely(channel->losing) && channel->from_guest.read == channel->lose_until)
			channel->losing = false;
		ret = host_rx_ring_next(&channel->from_guest, &packet, packet_copy, &rule);
		if (ret == 0)
			break;
		if (ret < 0) {
			tx_flush(channel);
			vsp_violation(channel, rule, "at offset %u of the ring",
				channel->from_guest.read);
			break;
		}
		dispatch(channel, &packet);
		work++;
	}
	tx_flush(channel);
	return work;
}

static unsigned int
channel_slice(struct vsp_channel *channel)
{
	unsigned int work;

	if (channel->state == CHANNEL_ASLEEP) {
		if (host_rx_ring_mask_tampered(&channel->from_guest)) {
			check_words(channel);
			return 1;
		}
		if (!channel->signalled)
			return 0;
		wake(channel);
	}
	if (channel->pending_head != NULL)
		pending_flush(channel);
	work = fault_at(FAULT_RING, &channel->index, sizeof(channel->index)) == FAULT_PASS ?
		read_packets(channel) : 0;
	if (work != 0)
		check_words(channel);   /* before we write ours over them */
	channel_commit(channel);
	if (work == 0) {
		if (++channel->idle_rounds >= IDLE_ROUNDS && may_sleep && channel_is_open(channel))
			fall_asleep(channel);
		return 0;
	}
	channel->idle_rounds = 0;
	return work;
}

/* ---- the engine's poller ---- */

unsigned int
channel_poll_nic(void *arg)
{
	struct vsp_nic *nic = arg;
	unsigned int work = 0, end = nic->channel_end;

	if (end == 0)
		return 0;
	if (++nic->channel_next >= end)
		nic->channel_next = 0;
	for (unsigned int i = 0; i < end; i++) {
		unsigned int index = nic->channel_next + i;
		struct vsp_channel *channel = &nic->channel[index < end ? index : index - end];

		if (!channel_is_open(channel))
			continue;
		if (unlikely((late_held | fault_armed) != 0)) {
			late_due(channel);
			work += wrong_flood(channel);
			if (!channel_is_open(channel))
				continue;
		}
		work += channel_slice(channel);
	}
	rx_flush_all(nic);
	return work;
}

bool
channel_prepare_sleep(void *arg)
{
	struct vsp_nic *nic = arg;

	may_sleep = true;
	rx_flush_all(nic);
	for (unsigned int i = 0; i < nic->channel_end; i++) {
		struct vsp_channel *channel = &nic->channel[i];

		check_words(channel);
		if (channel->state == CHANNEL_AWAKE && !fall_asleep(channel))
			return false;
		if (channel->state == CHANNEL_ASLEEP && channel->signalled)
			return false;
	}
	return true;
}

void
channel_wake(void *arg)
{
	/* That the engine woke up tells a channel nothing: only its signal does. */
	(void)arg;
}

uint64_t
channel_next_ns(void *arg)
{
	(void)arg;
	return late_next_ns();
}

/* ---- what the transport calls ---- */

/* The host looks once more, 100 ms after the open, whether a side waits for
 * an event that was lost while the channel was set up. */
static void
unstick(void *arg)
{
	struct vsp_channel *channel = arg;
	struct host_tx_ring *ring = &channel->to_guest;

	if (!channel_is_open(channel))
		return;
	if (channel->state == CHANNEL_ASLEEP && !host_rx_ring_empty(&channel->from_guest)) {
		channel->signalled = true;
		engine_kick();
	}
	if (host_tx_ring_free_bytes(ring) < ring->data_bytes - VMBUS_RING_RESERVED_BYTES &&
	    __atomic_load_n(&ring->page->interrupt_mask, __ATOMIC_RELAXED) == 0)
		channel_interrupt(channel);
}

static void
channel_end_update(struct vsp_nic *nic)
{
	nic->channels_open = 0;
	nic->channel_end = 0;
	for (unsigned int i = 0; i < HV_CHANNELS_MAX; i++) {
		if (nic->channel[i].state == CHANNEL_CLOSED)
			continue;
		nic->channels_open++;
		nic->channel_end = i + 1;
	}
}

int
vsp_channel_opened(struct vsp_channel *channel, struct hv_channel *handle,
	const struct hv_rings *rings)
{
	struct vsp_nic *nic = channel->nic;
	const struct vmbus_ring_page *page = (const void *)rings->to_host_page;
	int ret;

	if (channel->state != CHANNEL_CLOSED)
		return -EBUSY;
	ret = rx_channel_open(channel);
	if (ret < 0)
		return ret;
	channel->handle = handle;
	channel->pending_tail = &channel->pending_head;
	channel->idle_rounds = 0;
	channel->unasked_signals = 0;
	channel->losing = false;
	host_rx_ring_init(&channel->from_guest, rings->to_host_page, rings->to_host_data,
		rings->to_host_bytes);
	host_tx_ring_init(&channel->to_guest, rings->to_guest_page, rings->to_guest_data,
		rings->to_guest_bytes);
	/* The limit works by the pending-send rule: only with guests that have it. */
	if ((__atomic_load_n(&page->feature_bits, __ATOMIC_RELAXED) &
	     VMBUS_RING_FEATURE_PENDING_SEND) != 0 &&
	    nic->profile->ring_limit_bytes < rings->to_guest_bytes)
		channel->to_guest.limit_bytes = nic->profile->ring_limit_bytes;
	channel->state = CHANNEL_AWAKE;
	channel->counters.opens++;
	channel_end_update(nic);
	trace_event(nic->config.name, channel_relid(channel), "opened, %u + %u bytes of rings",
		rings->to_host_bytes, rings->to_guest_bytes);
	engine_timer_arm(&channel->unstick_timer, engine_now_ns() + UNSTICK_NS, unstick, channel);
	engine_kick();
	if (channel->index == 0)
		nvsp_reset(nic);
	else
		nvsp_subchannel_opened(channel);
	return 0;
}

void
vsp_channel_closed(struct vsp_channel *channel)
{
	struct vsp_nic *nic = channel->nic;

	if (channel->state == CHANNEL_CLOSED)
		return;
	channel->state = CHANNEL_CLOSED;
	engine_timer_cancel(&channel->unstick_timer);
	pending_free(channel);
	late_forget(channel);
	rx_channel_close(channel);
	channel_end_update(nic);
	trace_event(nic->config.name, channel_relid(channel), "closed");
	if (channel->index != 0)
		return;
	/* The buffers and the subchannels go with the primary. */
	nvsp_reset(nic);
}

/* Counts signals that nobody waited for: a guest that signals at each packet
 * costs a real host dearly. Without a monitor the guest's kernel may signal for
 * all of its channels, so there it proves nothing. */
static void
signal_unasked(struct vsp_channel *channel)
{
	if (!channel->nic->profile->monitor || channel->nic->config.monitor == 0)
		return;
	if (++channel->unasked_signals < UNASKED_SIGNALS)
		return;
	channel->unasked_signals = 0;
	vsp_violation(channel, VSP_RULE_SIGNAL_SPURIOUS, "%u times while the host was awake",
		UNASKED_SIGNALS);
}

void
vsp_channel_signalled(struct vsp_channel *channel)
{
	if (!channel_is_open(channel))
		return;
	channel->counters.signals++;
	if (channel->to_guest.announced)
		channel->unasked_signals = 0;
	else if (channel->state == CHANNEL_AWAKE)
		signal_unasked(channel);
	host_tx_ring_unblock(&channel->to_guest);
	if (channel->state == CHANNEL_ASLEEP) {
		channel->signalled = true;
		check_words(channel);
	}
	engine_kick();
}
