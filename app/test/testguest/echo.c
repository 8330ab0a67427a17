/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames there and back; see echo.h. */

#include <errno.h>
#include <string.h>

#include "echo.h"

static void
arrived(struct tg_channel *ch, const struct tg_rx_frame *frame, void *arg)
{
	struct echo *e = arg;

	e->last = *frame;
	e->last_channel = ch->index;
	memcpy(e->copy, frame->data, frame->bytes);
	if (e->expect != NULL && frame->bytes == e->expect_bytes &&
			memcmp(frame->data, e->expect, frame->bytes) == 0)
		e->got++;
	else
		e->wrong++;
}

int
echo_start(struct echo *e, unsigned int index, const struct tg_options *options)
{
	int err;

	memset(e, 0, sizeof(*e));
	err = tg_up(&e->dev, index, options);
	if (err == -EOPNOTSUPP || (err == -EPROTONOSUPPORT && options->nvsp != 0))
		return TG_SKIP;
	TG_CHECK(err == 0, "NIC %u does not come up: %s", index, strerror(-err));
	e->dev.on_frame = arrived;
	e->dev.on_frame_arg = e;
	/* Before NVSP 2 nobody can ask for more. */
	return options->mtu > 1500 && e->dev.nvsp < NVSP_VERSION_2 ? TG_SKIP : 0;
}

enum tg_tx_way
echo_way(const struct echo *e, enum tg_tx_way way, uint32_t bytes)
{
	uint32_t headers = (uint32_t)sizeof(struct rndis_packet) + 3 * 16;

	if (e->dev.section_count == 0)
		return TG_TX_PAGES;
	if (way == TG_TX_SECTION && bytes + headers > e->dev.section_bytes)
		return TG_TX_PAGES;
	return way;
}

struct ndis_offload
echo_offloads(struct echo *e)
{
	struct ndis_offload can = { .flags = 0 };
	uint32_t status;

	tg_rndis_query(&e->dev, OID_TCP_OFFLOAD_HARDWARE_CAPABILITIES, &can, sizeof(can), &status);
	return can;
}

void
echo_end(struct echo *e)
{
	tg_close(&e->dev);
}

struct tg_flow
echo_flow(const struct echo *e, bool ipv6, bool udp, uint32_t number)
{
	struct tg_flow flow = { .ipv6 = ipv6, .udp = udp, .number = number };

	memcpy(flow.src_mac, e->dev.mac, 6);
	memcpy(flow.dst_mac, "\x02\x00\x00\x00\x00\x01", 6);
	return flow;
}

int
echo_frame(struct echo *e, struct tg_channel *ch, enum tg_tx_way way,
	const struct tg_tx_frame *frame, const uint8_t *back, uint32_t back_bytes)
{
	uint64_t got = e->got, wrong = e->wrong;
	int status;

	way = echo_way(e, way, frame->bytes);
	e->expect = back;
	e->expect_bytes = back_bytes;
	status = tg_tx_wait(ch, way, frame, 1);
	TG_CHECK(status == NVSP_STATUS_SUCCESS, "%u bytes, way %d: status %d", frame->bytes, way,
		status);
	TG_CHECK(tg_wait(&e->dev, &e->got, got + 1, TG_WAIT_MS) == 0,
		"%u bytes, way %d: %s", frame->bytes, way,
		e->wrong > wrong ? "came back changed" : "did not come back");
	TG_CHECK(e->wrong == wrong, "%u bytes: something else came back", frame->bytes);
	return 0;
}

int
echo_bytes(struct echo *e, struct tg_channel *ch, enum tg_tx_way way, uint32_t bytes)
{
	static uint8_t data[TG_FRAME_MAX];
	struct tg_flow flow = echo_flow(e, false, true, bytes);
	struct tg_tx_frame frame = { .data = data, .bytes = bytes };

	tg_frame_build(data, bytes, &flow, bytes);
	return echo_frame(e, ch, way, &frame, data, bytes);
}
