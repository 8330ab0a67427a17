/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNDIS control of the test guest: INIT, QUERY, SET, KEEPALIVE. A request goes
 * out by page list; its answer comes back as a transfer and is kept until the
 * waiter with its request id has read it.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "tg.h"

#define MESSAGE_ROOM (2u * HV_PAGE_BYTES)

int
tg_rndis_send(struct tg_channel *ch, const void *message, uint32_t bytes, uint32_t *status)
{
	struct tg_piece range = { ch->dev->control.base, bytes };
	struct tg_raw raw = { .ranges = &range, .range_count = 1,
		.channel_type = NVSP_CHANNEL_CONTROL };
	uint64_t tid;
	int err;

	memcpy(ch->dev->control.base, message, bytes);
	err = tg_tx_raw(ch, &raw, &tid);
	if (err < 0)
		return err;
	err = tg_tx_await(ch, tid, TG_WAIT_MS);
	if (err < 0)
		return err;
	*status = (uint32_t)err;
	return 0;
}

static void
indicated(struct tg_device *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_indicate_status indication;

	if (bytes < sizeof(indication)) {
		tg_fault(dev, "status indication of %u bytes", bytes);
		return;
	}
	memcpy(&indication, message, sizeof(indication));
	if (indication.buffer_bytes > 0 && (indication.buffer_offset + 8u > bytes ||
			indication.buffer_bytes > bytes - 8u - indication.buffer_offset))
		tg_fault(dev, "indication 0x%x: buffer outside the message", indication.status);
	dev->last_indication = indication.status;
	dev->indications++;
}

void
tg_rndis_received(struct tg_device *dev, const uint8_t *message, uint32_t bytes)
{
	struct rndis_header header;

	if (bytes < sizeof(header)) {
		tg_fault(dev, "control message of %u bytes", bytes);
		return;
	}
	memcpy(&header, message, sizeof(header));
	if (header.msg_bytes > bytes) {
		tg_fault(dev, "control message says %u of %u bytes", header.msg_bytes, bytes);
		return;
	}
	if (header.type == RNDIS_INDICATE_STATUS) {
		indicated(dev, message, header.msg_bytes);
		return;
	}
	if ((header.type & RNDIS_COMPLETION) == 0 || header.msg_bytes > sizeof(dev->answer)) {
		tg_fault(dev, "control message of type 0x%x, %u bytes", header.type,
			header.msg_bytes);
		return;
	}
	memcpy(dev->answer, message, header.msg_bytes);
	dev->answer_bytes = header.msg_bytes;
}

int
tg_rndis_await(struct tg_device *dev, uint32_t type, uint32_t id)
{
	uint64_t end = tg_now_ns() + TG_WAIT_MS * 1000000ull;
	struct rndis_set_complete head;

	while (dev->answer_bytes == 0) {
		if (tg_poll_all(dev) > 0)
			continue;
		if (tg_now_ns() > end)
			return -ETIMEDOUT;
		sched_yield();
	}
	memcpy(&head, dev->answer, sizeof(head));
	if (head.header.type != (type | RNDIS_COMPLETION) || head.request_id != id) {
		tg_fault(dev, "answer 0x%x to request %u, not 0x%x to %u", head.header.type,
			head.request_id, type | RNDIS_COMPLETION, id);
		return -EPROTO;
	}
	return 0;
}

/* Sends a request whose third word is its id, and waits for the answer. */
static int
exchange(struct tg_device *dev, void *message, uint32_t bytes)
{
	uint32_t type, id = ++dev->request_id, status;
	int err;

	memcpy(&type, message, sizeof(type));
	memcpy((uint8_t *)message + sizeof(struct rndis_header), &id, sizeof(id));
	dev->answer_bytes = 0;
	err = tg_rndis_send(dev->channel[0], message, bytes, &status);
	if (err < 0)
		return err;
	if (status != NVSP_STATUS_SUCCESS)
		return -EIO;
	return tg_rndis_await(dev, type, id);
}

int
tg_rndis_init(struct tg_device *dev)
{
	struct rndis_init init = { .header = { RNDIS_INIT, sizeof(init) }, .major = 1,
		.max_transfer_bytes = 0x4000 };
	int err = exchange(dev, &init, sizeof(init));

	if (err < 0)
		return err;
	if (dev->answer_bytes < sizeof(dev->rndis)) {
		tg_fault(dev, "INIT completed with %u bytes", dev->answer_bytes);
		return -EPROTO;
	}
	memcpy(&dev->rndis, dev->answer, sizeof(dev->rndis));
	if (dev->rndis.status != NDIS_STATUS_SUCCESS)
		return -EIO;
	if (dev->rndis.max_packets_per_msg == 0 || dev->rndis.alignment_shift > 12)
		tg_fault(dev, "INIT: %u packets, alignment %u", dev->rndis.max_packets_per_msg,
			dev->rndis.alignment_shift);
	return 0;
}

int
tg_rndis_query(struct tg_device *dev, uint32_t oid, void *info, uint32_t room, uint32_t *status)
{
	struct rndis_oid_request request = { .header = { RNDIS_QUERY, sizeof(request) },
		.oid = oid };
	struct rndis_query_complete done;
	int err = exchange(dev, &request, sizeof(request));

	if (err < 0)
		return err;
	if (dev->answer_bytes < sizeof(done))
		return -EPROTO;
	memcpy(&done, dev->answer, sizeof(done));
	*status = done.status;
	if (done.status != NDIS_STATUS_SUCCESS)
		return -ENOTSUP;
	if (done.info_offset + 8u > dev->answer_bytes ||
			done.info_bytes > dev->answer_bytes - 8u - done.info_offset) {
		tg_fault(dev, "OID 0x%x: information outside the message", oid);
		return -EPROTO;
	}
	memcpy(info, dev->answer + 8 + done.info_offset,
		done.info_bytes < room ? done.info_bytes : room);
	return (int)done.info_bytes;
}

int
tg_rndis_set(struct tg_device *dev, uint32_t oid, const void *info, uint32_t bytes,
	uint32_t *status)
{
	struct rndis_oid_request request = { .header = { RNDIS_SET, sizeof(request) + bytes },
		.oid = oid, .info_bytes = bytes, .info_offset = 20 };
	uint8_t message[MESSAGE_ROOM];
	struct rndis_set_complete done;
	int err;

	memcpy(message, &request, sizeof(request));
	memcpy(message + sizeof(request), info, bytes);
	err = exchange(dev, message, sizeof(request) + bytes);
	if (err < 0)
		return err;
	memcpy(&done, dev->answer, sizeof(done));
	*status = done.status;
	return done.status == NDIS_STATUS_SUCCESS ? 0 : -ENOTSUP;
}

int
tg_rndis_keepalive(struct tg_device *dev)
{
	struct rndis_keepalive message = { .header = { RNDIS_KEEPALIVE, sizeof(message) } };

	return exchange(dev, &message, sizeof(message));
}

int
tg_filter(struct tg_device *dev, uint32_t filter)
{
	uint32_t status;

	return tg_rndis_set(dev, OID_GEN_CURRENT_PACKET_FILTER, &filter, sizeof(filter), &status);
}

int
tg_rss(struct tg_device *dev, uint32_t hash_info, const uint8_t key[NDIS_RSS_KEY_BYTES],
	const uint32_t *table, unsigned int entries)
{
	struct ndis_rss_parameters parameters = {
		.header = { NDIS_OBJECT_RSS_PARAMETERS, 2, NDIS_RSS_PARAMETERS_BYTES_REV2 },
		.flags = hash_info == 0 ? NDIS_RSS_DISABLE : 0,
		.hash_info = hash_info,
		.table_bytes = (uint16_t)(entries * 4),
		.table_offset = NDIS_RSS_PARAMETERS_BYTES_REV2,
		.key_bytes = NDIS_RSS_KEY_BYTES,
		.key_offset = NDIS_RSS_PARAMETERS_BYTES_REV2 + entries * 4,
	};
	uint8_t info[NDIS_RSS_PARAMETERS_BYTES_REV2 + 256 * 4 + NDIS_RSS_KEY_BYTES];
	uint32_t status;

	memcpy(info, &parameters, NDIS_RSS_PARAMETERS_BYTES_REV2);
	memcpy(info + parameters.table_offset, table, entries * 4);
	memcpy(info + parameters.key_offset, key, NDIS_RSS_KEY_BYTES);
	return tg_rndis_set(dev, OID_GEN_RECEIVE_SCALE_PARAMETERS, info,
		parameters.key_offset + NDIS_RSS_KEY_BYTES, &status);
}
