/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What guest and host do with a channel, for the model: the driver's own ring,
 * packet and signalling code on one side, host_ring.c on the other. The guest
 * polls, as the driver does; the host sleeps when it has nothing to do.
 */

#include "scenarios.h"

#include <stddef.h>
#include <string.h>

#include "vmbus_channel.h"

#include "host_ring.h"

enum { GUEST = 0, HOST = 1 };

#define BURST 4u
#define PAYLOAD(n) (0x5eed0000u + (n))

/* Where things lie in model_memory. */
#define PAGE 4096u
#define TX_CONTROL (model_memory)
#define TX_DATA (model_memory + PAGE)
#define RX_CONTROL (model_memory + 2 * (size_t)PAGE)
#define RX_DATA (model_memory + 3 * (size_t)PAGE)
#define SIGNALS ((uint32_t *)(void *)(model_memory + 4 * (size_t)PAGE))
#define NEVER (SIGNALS + 1)     /* a word that stays 0: woken by events alone */

static uint32_t scale = 1;
static uint32_t packets;        /* to move in this run */
static struct vmbus_shared shared;
static struct vmbus_channel channels[2];
static struct host_ring from_guest, to_guest;

void
scenarios_set_scale(uint32_t value)
{
	scale = value;
}

/* ---- the world of the driver ---- */

/* The kernel: on this write it unmasks the device's rings and rings the host. */
int
vmbus_uio_irqcontrol(int fd, bool enable)
{
	(void)fd;
	MODEL_CHECK(enable, "an interrupt was disabled");
	model_store(&channels[0].rx.page->interrupt_mask, 0, MODEL_SITE(MODEL_STORE_RELAXED));
	model_fence(MODEL_SITE(MODEL_FENCE));
	model_raise(HOST);
	return 0;
}

static void
setup(uint32_t tx_bytes, uint32_t rx_bytes, bool monitor)
{
	struct vmbus_channel *channel = &channels[0];

	memset(&shared, 0, sizeof(shared));
	memset(channels, 0, sizeof(channels));
	shared.channel[0] = channel;
	for (uint32_t i = 0; i < 2; i++) {
		channels[i].shared = &shared;
		channels[i].monitor = monitor;
		channels[i].signal_word = SIGNALS;
		channels[i].signal_bits = 1u << i;
	}
	channel->tx.page = (struct vmbus_ring_page *)(void *)TX_CONTROL;
	channel->tx.data = TX_DATA;
	channel->tx.data_bytes = tx_bytes;
	channel->rx.page = (struct vmbus_ring_page *)(void *)RX_CONTROL;
	channel->rx.data = RX_DATA;
	channel->rx.data_bytes = rx_bytes;
	channel->rx.page->interrupt_mask = 1;
	channel->rx.page->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND;
	channel->tx.page->interrupt_mask = 1;
	from_guest = (struct host_ring){ (uint32_t *)(void *)TX_CONTROL, TX_DATA, tx_bytes, 0, false };
	to_guest = (struct host_ring){ (uint32_t *)(void *)RX_CONTROL, RX_DATA, rx_bytes, 0, false };
}

/* ---- the guest ---- */

/* Both ways to put a packet take turns. */
static bool
guest_put(uint32_t n)
{
	const uint64_t payload = PAYLOAD(n);
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .want_completion = (n & 1) != 0,
		.transaction_id = n, .payload = &payload, .payload_bytes = sizeof(payload),
	};
	struct vmbus_tx_ring *ring = &channels[0].tx;
	int ret = (n & 1) != 0 ? vmbus_packet_put(ring, &desc, 0) :
		vmbus_packet_put_inline(ring, &desc, 0);

	MODEL_CHECK(ret == 0 || ret == -EAGAIN, "guest: put says %d", ret);
	return ret == 0;
}

static void
guest_signal(bool needed)
{
	if (needed)
		vmbus_channel_signal(&channels[0]);
}

/* Sends what is to be sent, one packet, then two, then one... per burst. */
static void
guest_sends(void)
{
	uint32_t sent = 0, burst = 1, put;

	while (sent < packets) {
		for (put = 0; put < burst && sent < packets && guest_put(sent); put++)
			sent++;
		guest_signal(vmbus_tx_ring_publish(&channels[0].tx));
		if (put == 0)
			model_idle();
		burst = 3 - burst;
	}
}

struct taken {
	uint64_t id[BURST], payload[BURST];
	uint32_t count;
};

/* Copies packets as a burst does: the bytes are looked at much later. */
static void
guest_takes(struct taken *taken, uint32_t max)
{
	struct vmbus_rx_ring *ring = &channels[0].rx;
	struct vmbus_packet packet;

	taken->count = 0;
	if (!vmbus_rx_ring_pending(ring))
		return;
	while (taken->count < max) {
		int ret = vmbus_packet_peek(ring, &packet);

		MODEL_CHECK(ret >= 0, "guest: peek says %d", ret);
		if (ret == 0)
			return;
		MODEL_CHECK(packet.type == VMBUS_PACKET_INBAND && packet.payload_bytes == 8,
			"guest: a packet of type %u with %u bytes", packet.type,
			packet.payload_bytes);
		taken->id[taken->count] = packet.transaction_id;
		model_loads_late(true);
		vmbus_packet_copy(ring, packet.payload_off, &taken->payload[taken->count], 8);
		model_loads_late(false);
		vmbus_packet_take(ring, &packet);
		taken->count++;
	}
}

static void
guest_checks(const struct taken *taken, uint32_t first)
{
	model_pause();
	model_settle();
	for (uint32_t i = 0; i < taken->count; i++)
		MODEL_CHECK(taken->id[i] == first + i && taken->payload[i] == PAYLOAD(first + i),
			"guest: packet %u has id %llu and payload %#llx", first + i,
			(unsigned long long)taken->id[i], (unsigned long long)taken->payload[i]);
}

static uint32_t guest_burst;

static void
guest_receives(void)
{
	uint32_t received = 0;
	struct taken taken;

	while (received < packets) {
		guest_takes(&taken, guest_burst);
		guest_signal(vmbus_rx_ring_publish(&channels[0].rx));
		guest_checks(&taken, received);
		received += taken.count;
		if (taken.count == 0)
			model_idle();
	}
}

/* Receives, and answers every packet as far as there is room. */
static void
guest_answers(void)
{
	uint32_t received = 0, answered = 0, put;
	struct taken taken;
	bool signal;

	while (answered < packets) {
		guest_takes(&taken, 2);
		signal = vmbus_rx_ring_publish(&channels[0].rx);
		guest_checks(&taken, received);
		received += taken.count;
		for (put = 0; answered < received && guest_put(answered); put++)
			answered++;
		signal |= vmbus_tx_ring_publish(&channels[0].tx);
		guest_signal(signal);
		if (taken.count == 0 && put == 0)
			model_idle();
	}
}

/* ---- the host ---- */

static void
host_sleeps(void)
{
	const bool monitor = channels[0].monitor;
	uint32_t found;

	/* Two signals may have left one bit: the second finds none. */
	do {
		model_sleep(monitor ? SIGNALS : NEVER);
		found = model_update(SIGNALS, 0, ~0u, MODEL_SITE(MODEL_RMW_SEQ_CST));
	} while (found == 0);
	MODEL_CHECK(found == 1, "host: woken with bits %#x", found);
}

static bool
host_receives_one(uint32_t n)
{
	uint64_t id, payload;

	if (!host_ring_take(&from_guest, &id, &payload))
		return false;
	MODEL_CHECK(id == n && payload == PAYLOAD(n), "host: packet %u has id %llu and payload %#llx",
		n, (unsigned long long)id, (unsigned long long)payload);
	return true;
}

static void
host_receives(void)
{
	uint32_t received = 0;

	while (received < packets) {
		if (host_receives_one(received)) {
			received++;
		} else if (host_ring_may_sleep(&from_guest)) {
			host_sleeps();
			host_ring_woken(&from_guest);
		}
	}
}

static uint32_t host_wants;     /* room, before it goes on */

static void
host_sends(void)
{
	for (uint32_t sent = 0; sent < packets;) {
		if (host_ring_put(&to_guest, sent, PAYLOAD(sent)))
			sent++;
		else if (host_ring_ask(&to_guest, host_wants))
			host_sleeps();
	}
}

/* Sends, and sleeps when it can neither send nor read an answer. */
static void
host_converses(void)
{
	uint32_t sent = 0, answered = 0;

	while (answered < packets) {
		bool moved = host_receives_one(answered);

		answered += moved;
		if (sent < packets && host_ring_put(&to_guest, sent, PAYLOAD(sent))) {
			sent++;
			moved = true;
		}
		if (moved || (sent < packets && !host_ring_ask(&to_guest, host_wants)))
			continue;
		if (host_ring_may_sleep(&from_guest)) {
			host_sleeps();
			host_ring_woken(&from_guest);
		}
	}
}

/* ---- scenarios ---- */

static void
setup_wakeup(void)
{
	packets = 3 * scale;
	setup(4 * HOST_PACKET_BYTES + 8, 64, true);
}

static const struct model_scenario wakeup = {
	.name = "the host sleeps until there is a packet",
	.setup = setup_wakeup, .agent = { guest_sends, host_receives }, .tracked_every = 1,
};

static void
setup_hypercall(void)
{
	packets = 2 * scale;
	setup(4 * HOST_PACKET_BYTES + 8, 64, false);
}

static const struct model_scenario hypercall = {
	.name = "the host sleeps until the kernel rings",
	.setup = setup_hypercall, .agent = { guest_sends, host_receives }, .tracked_every = 1,
};

/* Room for two packets, and no packet ends where the ring does. */
static void
setup_wrap(void)
{
	packets = 4 * scale;
	setup(2 * HOST_PACKET_BYTES + 8, 64, true);
}

static const struct model_scenario wrap = {
	.name = "the transmit ring is full and wraps",
	.setup = setup_wrap, .agent = { guest_sends, host_receives }, .tracked_every = 1,
};

static void
setup_full(void)
{
	packets = 4 * scale;
	guest_burst = 2;
	host_wants = HOST_PACKET_BYTES;
	setup(64, 2 * HOST_PACKET_BYTES + 8, true);
}

static const struct model_scenario full = {
	.name = "the host sleeps until there is room for a packet",
	.setup = setup_full, .agent = { guest_receives, host_sends }, .tracked_every = 1,
};

/* The host waits for more room than one burst makes. */
static void
setup_bursts(void)
{
	packets = 5 * scale;
	guest_burst = 1;
	host_wants = 2 * HOST_PACKET_BYTES;
	setup(64, 3 * HOST_PACKET_BYTES + 8, true);
}

static const struct model_scenario bursts = {
	.name = "the host sleeps until several bursts have made room",
	.setup = setup_bursts, .agent = { guest_receives, host_sends }, .tracked_every = 1,
};

static void
setup_both(void)
{
	packets = 3 * scale;
	host_wants = HOST_PACKET_BYTES;
	setup(HOST_PACKET_BYTES + 16, HOST_PACKET_BYTES + 16, true);
}

static const struct model_scenario both = {
	.name = "both rings are full, and each side waits for the other",
	.setup = setup_both, .agent = { guest_answers, host_converses }, .tracked_every = 1,
};

/* ---- taking over a ring that is in use ---- */

/* The ring, of the smallest size that a mapping has, already holds as much as
 * leaves room for one packet. */
#define ATTACH_FILL ((PAGE - 8) / HOST_PACKET_BYTES - 1)

static void
setup_attach(void)
{
	packets = ATTACH_FILL + 3;
	setup(PAGE, PAGE, true);
	for (uint32_t n = 0; n < ATTACH_FILL; n++)
		guest_put(n);
	channels[0].tx.page->write_index = channels[0].tx.write;
}

static void
guest_attaches(void)
{
	int ret;

	ret = vmbus_tx_ring_attach(&channels[0].tx, TX_CONTROL, 2 * PAGE, PAGE);
	MODEL_CHECK(ret == 0, "guest: attach says %d", ret);
	for (uint32_t n = ATTACH_FILL; n < packets;) {
		uint32_t before = n;

		while (n < packets && guest_put(n))
			n++;
		guest_signal(vmbus_tx_ring_publish(&channels[0].tx));
		if (n == before)
			model_idle();
	}
}

static const struct model_scenario attach = {
	.name = "the transmit ring is taken over while the host reads",
	.setup = setup_attach, .agent = { guest_attaches, host_receives }, .tracked_every = 16,
};

/* ---- bits of a word that channels share ---- */

static void
setup_bits(void)
{
	setup(64, 64, true);
}

static void
guest_signals_first(void)
{
	vmbus_channel_signal(&channels[0]);
}

static void
guest_signals_second(void)
{
	vmbus_channel_signal(&channels[1]);
}

static void
hypervisor_collects(void)
{
	uint32_t seen = 0;

	while (seen != 3) {
		model_sleep(SIGNALS);
		seen |= model_update(SIGNALS, 0, ~0u, MODEL_SITE(MODEL_RMW_SEQ_CST));
	}
}

static const struct model_scenario bits = {
	.name = "two devices signal through one word",
	.setup = setup_bits, .tracked_every = 1,
	.agent = { guest_signals_first, hypervisor_collects, guest_signals_second },
};

const struct model_scenario *const ring_scenarios[] = {
	&wakeup, &hypercall, &wrap, &full, &bursts, &both, &attach, &bits, NULL,
};
