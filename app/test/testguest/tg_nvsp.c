/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVSP of the test guest: one function per message, and the one that does
 * them all in a driver's order.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tg.h"

#define RECV_BUFFER_ID 0xcafe
#define SEND_BUFFER_ID 0xface

uint32_t
tg_nvsp_pad(const struct tg_device *dev)
{
	return dev->nvsp >= NVSP_VERSION_61 ? NVSP_MSG_BYTES_V61 : NVSP_MSG_BYTES_V1;
}

/* An answer is as long as the negotiated version says, or it is a fault; some
 * hosts use the length of 6.1 before that. */
static int
check_answer(const struct tg_device *dev, int bytes, uint32_t type, uint32_t wanted)
{
	if (bytes < 0)
		return bytes;
	if ((uint32_t)bytes != tg_nvsp_pad(dev) && (uint32_t)bytes != NVSP_MSG_BYTES_V61 &&
			wanted != NVSP_RECV_BUFFER_COMPLETE)
		tg_fault(dev, "answer %u has %d bytes, not %u", wanted, bytes, tg_nvsp_pad(dev));
	if (type != wanted) {
		tg_fault(dev, "answer of type %u, not %u", type, wanted);
		return -EPROTO;
	}
	return 0;
}

int
tg_nvsp_init(struct tg_device *dev, uint32_t version)
{
	struct nvsp_init init = { NVSP_INIT, version, version };
	struct nvsp_init_complete done = { 0 };
	uint32_t deprecated = version == NVSP_VERSION_1 ? NVSP_VERSION_1 : 0xffffffffu;
	int n = tg_transact(dev->channel[0], &init, sizeof(init), &done, sizeof(done));

	if (n < 0)
		return n;
	if (n < (int)sizeof(done) || done.type != NVSP_INIT_COMPLETE) {
		tg_fault(dev, "INIT answered with %d bytes, type %u", n, done.type);
		return -EPROTO;
	}
	if (done.status != NVSP_STATUS_SUCCESS)
		return -EPROTONOSUPPORT;
	dev->nvsp = version;
	if (done.deprecated_version != deprecated)
		tg_fault(dev, "INIT_COMPLETE says version 0x%x", done.deprecated_version);
	/* Sent before or after the version takes effect: either padding is right. */
	if ((uint32_t)n != NVSP_MSG_BYTES_V1 && (uint32_t)n != NVSP_MSG_BYTES_V61)
		tg_fault(dev, "INIT_COMPLETE has %d bytes", n);
	return 0;
}

/* Messages whose completion is empty. */
static int
transact_empty(struct tg_device *dev, const void *message, uint32_t bytes)
{
	int n = tg_transact(dev->channel[0], message, bytes, NULL, 0);

	if (n > 0)
		tg_fault(dev, "completion of %d bytes where an empty one was due", n);
	return n < 0 ? n : 0;
}

int
tg_nvsp_ndis_config(struct tg_device *dev, uint32_t frame_max, uint64_t caps)
{
	struct nvsp_ndis_config config = { .type = NVSP_NDIS_CONFIG, .mtu_bytes = frame_max,
		.capabilities_low = (uint32_t)caps, .capabilities_high = (uint32_t)(caps >> 32) };

	dev->frame_max = frame_max;
	return transact_empty(dev, &config, sizeof(config));
}

int
tg_nvsp_ndis_version(struct tg_device *dev, uint32_t major, uint32_t minor)
{
	struct nvsp_ndis_version version = { NVSP_NDIS_VERSION, major, minor };

	return transact_empty(dev, &version, sizeof(version));
}

/* Sections must lie in the buffer and not overlap. */
static int
check_sections(struct tg_device *dev)
{
	uint32_t total = 0;
	uint64_t end = 0;

	for (unsigned int i = 0; i < dev->recv_sections; i++) {
		const struct nvsp_recv_section *s = &dev->recv[i];
		uint64_t bytes = (uint64_t)s->suballoc_bytes * s->suballoc_count;

		if (s->suballoc_bytes == 0 || s->offset < end ||
				s->offset + bytes > dev->map_bytes[UIO_MAP_RECV_BUFFER] ||
				s->end_offset != s->offset + bytes) {
			tg_fault(dev, "receive section %u: %u + %u x %u, end %u", i, s->offset,
				s->suballoc_count, s->suballoc_bytes, s->end_offset);
			return -EPROTO;
		}
		end = s->offset + bytes;
		total += s->suballoc_count;
	}
	dev->recv_held = calloc(total, 1);
	dev->recv_next = calloc(total, sizeof(uint32_t));
	return dev->recv_held == NULL || dev->recv_next == NULL ? -ENOMEM : 0;
}

int
tg_nvsp_recv_buffer(struct tg_device *dev)
{
	struct nvsp_buffer message = { NVSP_RECV_BUFFER, dev->recv_gpadl, RECV_BUFFER_ID, 0 };
	struct { uint32_t type, status, count; struct nvsp_recv_section section[8]; } done;
	int n, err;

	memset(&done, 0, sizeof(done));
	n = tg_transact(dev->channel[0], &message, sizeof(message), &done, sizeof(done));
	err = check_answer(dev, n, done.type, NVSP_RECV_BUFFER_COMPLETE);
	if (err < 0)
		return err;
	if (done.status != NVSP_STATUS_SUCCESS)
		return -ENOTSUP;
	if (done.count == 0 || done.count > 8 || 12 + done.count * 16 > (uint32_t)n) {
		tg_fault(dev, "receive buffer of %u sections in %d bytes", done.count, n);
		return -EPROTO;
	}
	dev->recv_id = RECV_BUFFER_ID;
	dev->recv_sections = done.count;
	memcpy(dev->recv, done.section, sizeof(dev->recv));
	return check_sections(dev);
}

int
tg_nvsp_send_buffer(struct tg_device *dev)
{
	struct nvsp_buffer message = { NVSP_SEND_BUFFER, dev->send_gpadl, SEND_BUFFER_ID, 0 };
	struct nvsp_send_buffer_complete done = { 0 };
	int n = tg_transact(dev->channel[0], &message, sizeof(message), &done, sizeof(done));
	int err = check_answer(dev, n, done.type, NVSP_SEND_BUFFER_COMPLETE);

	if (err < 0)
		return err;
	if (done.status != NVSP_STATUS_SUCCESS)
		return -ENOTSUP;
	if (done.section_bytes == 0 ||
			done.section_bytes > dev->map_bytes[UIO_MAP_SEND_BUFFER]) {
		tg_fault(dev, "send sections of %u bytes", done.section_bytes);
		return -EPROTO;
	}
	dev->section_bytes = done.section_bytes;
	dev->section_count = (uint32_t)(dev->map_bytes[UIO_MAP_SEND_BUFFER] / done.section_bytes);
	dev->free_sections = calloc(dev->section_count, sizeof(uint32_t));
	if (dev->free_sections == NULL)
		return -ENOMEM;
	for (uint32_t i = dev->section_count; i-- > 0;)
		dev->free_sections[dev->free_section_count++] = i;
	return 0;
}

int
tg_nvsp_subchannels(struct tg_device *dev, unsigned int count, uint32_t *granted)
{
	struct nvsp_subchannel request = { NVSP_SUBCHANNEL, NVSP_SUBCHANNEL_ALLOCATE, count };
	struct nvsp_subchannel_complete done = { 0 };
	int n = tg_transact(dev->channel[0], &request, sizeof(request), &done, sizeof(done));
	int err = check_answer(dev, n, done.type, NVSP_SUBCHANNEL);

	*granted = done.count;
	if (err < 0)
		return err;
	return done.status == NVSP_STATUS_SUCCESS ? 0 : -ENOTSUP;
}

int
tg_nvsp_switch_data_path(struct tg_device *dev, uint32_t path)
{
	struct nvsp_switch_data_path message = { NVSP_SWITCH_DATA_PATH, path };

	return transact_empty(dev, &message, sizeof(message));
}

/* ---- all together ---- */

/* The key of the published verification suite. */
const uint8_t tg_rss_key[NDIS_RSS_KEY_BYTES] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static int
negotiate_version(struct tg_device *dev, uint32_t wanted)
{
	static const uint32_t versions[] = { NVSP_VERSION_61, NVSP_VERSION_6, NVSP_VERSION_5,
		NVSP_VERSION_4, NVSP_VERSION_2, NVSP_VERSION_1 };
	int err = -EPROTONOSUPPORT;

	if (wanted != 0)
		return tg_nvsp_init(dev, wanted);
	for (unsigned int i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		err = tg_nvsp_init(dev, versions[i]);
		if (err != -EPROTONOSUPPORT)
			break;
	}
	return err;
}

static int
open_queues(struct tg_device *dev, unsigned int queues)
{
	uint32_t table[128], granted, status;
	struct ndis_rss_capabilities can = { .queues = 0 };
	int err;

	if (dev->nvsp < NVSP_VERSION_5 || tg_rndis_query(dev, OID_GEN_RECEIVE_SCALE_CAPABILITIES,
			&can, sizeof(can), &status) < 0 || can.queues < queues)
		return -EOPNOTSUPP;
	err = tg_nvsp_subchannels(dev, queues - 1, &granted);
	if (err == 0 && granted != queues - 1)
		err = -ENOSPC;
	if (err == 0)
		err = tg_map_subchannels(dev, granted);
	if (err < 0)
		return err;
	for (unsigned int i = 0; i < 128; i++)
		table[i] = i % queues;
	status = (uint32_t)tg_rss(dev, NDIS_HASH_TOEPLITZ | NDIS_HASH_IPV4 | NDIS_HASH_TCP_IPV4 |
		NDIS_HASH_IPV6 | NDIS_HASH_TCP_IPV6, tg_rss_key, table, 128);
	return (int)status;
}

static int
set_up(struct tg_device *dev, const struct tg_options *o)
{
	uint32_t mtu = o->mtu != 0 ? o->mtu : 1500, status;
	int err = negotiate_version(dev, o->nvsp);

	if (err == 0 && dev->nvsp >= NVSP_VERSION_2)
		err = tg_nvsp_ndis_config(dev, mtu + 14, o->caps | NVSP_CONFIG_CAP_8021Q);
	else
		dev->frame_max = mtu + 14;
	if (err == 0)
		err = tg_nvsp_ndis_version(dev, 6, dev->nvsp > NVSP_VERSION_4 ? 30 : 1);
	if (err == 0)
		err = tg_nvsp_recv_buffer(dev);
	if (err == 0 && !o->no_send_buffer)
		err = tg_nvsp_send_buffer(dev);
	if (err == -ENOTSUP && dev->recv_sections > 0)
		err = 0;        /* a host may refuse the send buffer */
	if (err == 0)
		err = tg_rndis_init(dev);
	if (err == 0 && tg_rndis_query(dev, OID_802_3_PERMANENT_ADDRESS, dev->mac, 6,
			&status) != 6)
		err = -EPROTO;
	if (err == 0 && o->queues > 1)
		err = open_queues(dev, o->queues);
	if (err == 0 && !o->no_filter)
		err = tg_filter(dev, NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST |
			NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_PROMISCUOUS);
	return err;
}

int
tg_up(struct tg_device *dev, unsigned int index, const struct tg_options *options)
{
	int err = tg_open(dev, index);

	if (err < 0)
		return err;
	dev->memory_kind = options->memory;
	err = set_up(dev, options);
	if (err < 0)
		tg_close(dev);
	return err;
}
