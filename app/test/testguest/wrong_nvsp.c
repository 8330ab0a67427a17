/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrong in NVSP: types, lengths, order, buffers, sections, completions. */

#include <errno.h>
#include <string.h>

#include "wrong.h"

#define UNUSED_TID 0x123456789abull

/* Sends an in-band message nobody expects an answer to. */
static int
send_inband(struct tg_channel *ch, const void *message, uint32_t bytes)
{
	struct tg_piece body[3] = { { NULL, 0 }, { message, bytes }, { NULL, 0 } };

	TG_CHECK(tg_send(ch, VMBUS_PACKET_INBAND, VMBUS_PACKET_FLAG_COMPLETION_REQUESTED,
		UNUSED_TID, body) == 0, "ring full");
	return 0;
}

static int
dead_after(const void *message, uint32_t bytes, uint16_t channel, const char *rule)
{
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	TG_TRY(send_inband(w.a.channel[channel], message, bytes));
	TG_TRY(wrong_dead(&w, w.a.channel[channel], rule));
	wrong_end(&w);
	return 0;
}

static int
type_unknown(void)
{
	uint32_t message[8] = { 99 };

	return dead_after(message, sizeof(message), 0, "NVSP_TYPE");
}

static int
type_packet_direct(void)
{
	uint32_t message[10] = { NVSP_PD_API };

	return dead_after(message, sizeof(message), 0, "NVSP_TYPE");
}

static int
subchannel_short(void)
{
	uint32_t message[2] = { NVSP_SUBCHANNEL, NVSP_SUBCHANNEL_ALLOCATE };

	return dead_after(message, sizeof(message), 0, "NVSP_LENGTH");
}

static int
rndis_short(void)
{
	uint32_t message[2] = { NVSP_RNDIS, NVSP_CHANNEL_DATA };

	return dead_after(message, sizeof(message), 1, "NVSP_LENGTH");
}

/* ---- order ---- */

static int
init_twice(void)
{
	struct nvsp_init message = { NVSP_INIT, NVSP_VERSION_61, NVSP_VERSION_61 };

	return dead_after(&message, sizeof(message), 0, "NVSP_ORDER");
}

static int
config_when_ready(void)
{
	struct nvsp_ndis_config message = { .type = NVSP_NDIS_CONFIG, .mtu_bytes = 1514 };

	return dead_after(&message, sizeof(message), 0, "NVSP_ORDER");
}

/* Opens a, negotiates the version, then lets the case do its worst. */
static int
at_negotiated(struct wrong *w)
{
	int err;

	TG_TRY(wrong_start(w, false));
	err = tg_nvsp_init(&w->a, NVSP_VERSION_5);
	TG_CHECK(err == 0, "INIT: %s", strerror(-err));
	return 0;
}

static int
no_init(void)
{
	struct nvsp_ndis_version message = { NVSP_NDIS_VERSION, 6, 30 };
	struct wrong w;

	TG_TRY(wrong_start(&w, false));
	TG_TRY(send_inband(w.a.channel[0], &message, sizeof(message)));
	TG_TRY(wrong_dead(&w, w.a.channel[0], "NVSP_ORDER"));
	wrong_end(&w);
	return 0;
}

static int
buffer_before_config(void)
{
	struct nvsp_buffer message = { NVSP_RECV_BUFFER, 0, 0xcafe, 0 };
	struct wrong w;

	TG_TRY(at_negotiated(&w));
	message.gpadl = w.a.recv_gpadl;
	TG_TRY(send_inband(w.a.channel[0], &message, sizeof(message)));
	TG_TRY(wrong_dead(&w, w.a.channel[0], "NVSP_ORDER"));
	wrong_end(&w);
	return 0;
}

static int
version_twice(void)
{
	struct nvsp_ndis_version message = { NVSP_NDIS_VERSION, 6, 30 };
	struct wrong w;

	TG_TRY(at_negotiated(&w));
	TG_CHECK(tg_nvsp_ndis_version(&w.a, 6, 30) == 0, "first");
	TG_TRY(send_inband(w.a.channel[0], &message, sizeof(message)));
	TG_TRY(wrong_dead(&w, w.a.channel[0], "NVSP_ORDER"));
	wrong_end(&w);
	return 0;
}

static int
control_on_subchannel(void)
{
	struct nvsp_subchannel message = { NVSP_SUBCHANNEL, NVSP_SUBCHANNEL_ALLOCATE, 1 };

	return dead_after(&message, sizeof(message), 1, "NVSP_ON_SUBCHANNEL");
}

static int
newer_message(void)
{
	struct nvsp_subchannel message = { NVSP_SUBCHANNEL, NVSP_SUBCHANNEL_ALLOCATE, 1 };
	struct tg_options old = { .nvsp = NVSP_VERSION_4 };
	uint8_t reply[64];
	struct wrong w;

	TG_TRY(wrong_start_with(&w, &old));
	TG_CHECK(tg_up(&w.a, 0, &old) == 0, "the first NIC does not come up");
	/* Hosts differ in what they answer, if anything with a meaning. */
	TG_CHECK(tg_transact(w.a.channel[0], &message, sizeof(message), reply,
		sizeof(reply)) >= 0, "no completion");
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "NVSP_VERSION"));
	wrong_end(&w);
	return 0;
}

/* ---- buffers ---- */

static int
bad_buffer(uint32_t type, const char *rule)
{
	struct nvsp_buffer message = { type, 0xfffff, 1, 0 };
	struct wrong w;

	TG_TRY(at_negotiated(&w));
	TG_CHECK(tg_nvsp_ndis_config(&w.a, 1514, 0) == 0, "config");
	TG_TRY(send_inband(w.a.channel[0], &message, sizeof(message)));
	TG_TRY(wrong_dead(&w, w.a.channel[0], rule));
	wrong_end(&w);
	return 0;
}

static int bad_recv_buffer(void) { return bad_buffer(NVSP_RECV_BUFFER, "RECV_BUFFER"); }
static int bad_send_buffer(void) { return bad_buffer(NVSP_SEND_BUFFER, "SEND_BUFFER"); }

static int
section_outside(void)
{
	struct nvsp_rndis message = { NVSP_RNDIS, NVSP_CHANNEL_DATA, 0x7fffffff, 144 };

	return dead_after(&message, sizeof(message), 0, "SECTION_INDEX");
}

static int
section_too_long(void)
{
	struct nvsp_rndis message = { NVSP_RNDIS, NVSP_CHANNEL_DATA, 0,
		UIO_SEND_BUFFER_BYTES + 8 };

	return dead_after(&message, sizeof(message), 1, "SECTION_INDEX");
}

/* ---- completions ---- */

static int
send_completion(struct tg_channel *ch, uint64_t tid, uint32_t type)
{
	struct nvsp_rndis_complete ack = { type, NVSP_STATUS_SUCCESS };
	struct tg_piece body[3] = { { NULL, 0 }, { &ack, sizeof(ack) }, { NULL, 0 } };

	TG_CHECK(tg_send(ch, VMBUS_PACKET_COMPLETION, 0, tid, body) == 0, "ring full");
	return 0;
}

static int
completion_unknown(void)
{
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	TG_TRY(send_completion(w.a.channel[0], 0x7777, NVSP_RNDIS_COMPLETE));
	TG_TRY(wrong_dead(&w, w.a.channel[0], "COMPLETION_ID"));
	wrong_end(&w);
	return 0;
}

/* Makes the echo port send a transfer that the guest keeps; returns the
 * channel that has it. */
static struct tg_channel *
hold_one(struct wrong *w)
{
	uint64_t end = tg_now_ns() + 2000000000ull;

	for (unsigned int i = 0; i < w->a.channels; i++)
		w->a.channel[i]->hold = true;
	if (wrong_alive(w->a.channel[0]) != 0)
		return NULL;
	while (tg_now_ns() < end) {
		tg_poll_all(&w->a);
		for (unsigned int i = 0; i < w->a.channels; i++)
			if (w->a.channel[i]->held_count > 0)
				return w->a.channel[i];
	}
	return NULL;
}

static int
completion_twice(void)
{
	struct tg_channel *ch;
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	ch = hold_one(&w);
	TG_CHECK(ch != NULL, "no frame came back");
	tid = ch->held[0];
	tg_release(ch, 1);
	TG_TRY(send_completion(ch, tid, NVSP_RNDIS_COMPLETE));
	TG_TRY(wrong_dead(&w, ch, "COMPLETION_ID"));
	wrong_end(&w);
	return 0;
}

static int
completion_elsewhere(void)
{
	struct tg_channel *ch, *other;
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	ch = hold_one(&w);
	TG_CHECK(ch != NULL, "no frame came back");
	other = w.a.channel[ch->index == 0 ? 1 : 0];
	TG_TRY(send_completion(other, ch->held[0], NVSP_RNDIS_COMPLETE));
	TG_TRY(wrong_dead(&w, other, "COMPLETION_ID"));
	wrong_end(&w);
	return 0;
}

static int
completion_type(void)
{
	struct tg_channel *ch;
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	ch = hold_one(&w);
	TG_CHECK(ch != NULL, "no frame came back");
	TG_TRY(send_completion(ch, ch->held[0], NVSP_RNDIS));
	TG_TRY(wrong_dead(&w, ch, "COMPLETION_TYPE"));
	wrong_end(&w);
	return 0;
}

static int
completion_empty(void)
{
	struct tg_piece body[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	struct tg_channel *ch;
	struct wrong w;

	TG_TRY(wrong_start(&w, true));
	ch = hold_one(&w);
	TG_CHECK(ch != NULL, "no frame came back");
	TG_CHECK(tg_send(ch, VMBUS_PACKET_COMPLETION, 0, ch->held[0], body) == 0, "ring full");
	TG_TRY(wrong_dead(&w, ch, "COMPLETION_TYPE"));
	wrong_end(&w);
	return 0;
}

/* ---- what only fails ---- */

static int
too_many_subchannels(void)
{
	struct tg_options one = { .queues = 1 };
	uint32_t granted = 99;
	struct wrong w;
	int err;

	TG_TRY(wrong_start_with(&w, &one));
	TG_CHECK(tg_up(&w.a, 0, &one) == 0, "the first NIC does not come up");
	err = tg_nvsp_subchannels(&w.a, 1000, &granted);
	TG_CHECK(err == -ENOTSUP && granted == 0, "%d, %u granted", err, granted);
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "SUBCHANNEL_COUNT"));
	wrong_end(&w);
	return 0;
}

static int
unknown_operation(void)
{
	struct nvsp_subchannel request = { NVSP_SUBCHANNEL, 2, 1 };
	struct tg_options one = { .queues = 1 };
	struct nvsp_subchannel_complete done = { 0 };
	struct wrong w;
	int n;

	TG_TRY(wrong_start_with(&w, &one));
	TG_CHECK(tg_up(&w.a, 0, &one) == 0, "the first NIC does not come up");
	n = tg_transact(w.a.channel[0], &request, sizeof(request), &done, sizeof(done));
	TG_CHECK(n > 0 && done.status == NVSP_STATUS_FAILURE, "%d, status %u", n, done.status);
	TG_TRY(wrong_reported(&w, w.a.channel[0], 0, "SUBCHANNEL_COUNT"));
	wrong_end(&w);
	return 0;
}

static int
completion_not_requested(void)
{
	struct wrong_packet packet;
	struct tg_raw raw = { .section = &packet, .no_completion = true };
	struct wrong w;
	uint64_t tid;

	TG_TRY(wrong_start(&w, true));
	raw.section_bytes = wrong_packet(&w, &packet);
	TG_CHECK(tg_tx_raw(w.a.channel[1], &raw, &tid) == 0, "ring full");
	TG_TRY(wrong_reported(&w, w.a.channel[1], 0, "COMPLETION_NOT_REQUESTED"));
	wrong_end(&w);
	return 0;
}

const struct tg_case wrong_nvsp_cases[] = {
	{ "an unknown NVSP message silences the channel", type_unknown, "NVSP_TYPE" },
	{ "a packet direct message silences the channel", type_packet_direct, "NVSP_TYPE" },
	{ "a subchannel request without its count silences the channel", subchannel_short,
		"NVSP_LENGTH" },
	{ "a short RNDIS message silences a subchannel", rndis_short, "NVSP_LENGTH" },
	{ "a second INIT silences the channel", init_twice, "NVSP_ORDER" },
	{ "NDIS_CONFIG on a ready NIC silences the channel", config_when_ready, "NVSP_ORDER" },
	{ "a message before INIT silences the channel", no_init, "NVSP_ORDER" },
	{ "a receive buffer before NDIS_CONFIG silences the channel", buffer_before_config,
		"NVSP_ORDER" },
	{ "a second NDIS_VERSION silences the channel", version_twice, "NVSP_ORDER" },
	{ "a subchannel request on a subchannel silences only that", control_on_subchannel,
		"NVSP_ON_SUBCHANNEL" },
	{ "a message newer than the negotiated version is reported", newer_message,
		"NVSP_VERSION" },
	{ "an unknown receive buffer silences the channel", bad_recv_buffer, "RECV_BUFFER" },
	{ "an unknown send buffer silences the channel", bad_send_buffer, "SEND_BUFFER" },
	{ "a send section outside the buffer silences the channel", section_outside,
		"SECTION_INDEX" },
	{ "a send section longer than the buffer silences a subchannel", section_too_long,
		"SECTION_INDEX" },
	{ "completing what was never sent silences the channel", completion_unknown,
		"COMPLETION_ID" },
	{ "completing a transfer twice silences the channel", completion_twice,
		"COMPLETION_ID" },
	{ "completing a transfer on another channel silences that", completion_elsewhere,
		"COMPLETION_ID" },
	{ "a receive completion of another type silences the channel", completion_type,
		"COMPLETION_TYPE" },
	{ "an empty receive completion silences the channel", completion_empty,
		"COMPLETION_TYPE" },
	{ "a request for too many subchannels fails and changes nothing", too_many_subchannels,
		"SUBCHANNEL_COUNT" },
	{ "a subchannel request of another kind fails and changes nothing", unknown_operation,
		"SUBCHANNEL_COUNT" },
	{ "a message that asks for no completion is reported", completion_not_requested,
		"COMPLETION_NOT_REQUESTED" },
};
const unsigned int wrong_nvsp_case_count = sizeof(wrong_nvsp_cases) / sizeof(wrong_nvsp_cases[0]);
