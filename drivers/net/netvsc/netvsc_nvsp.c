/* SPDX-License-Identifier: BSD-3-Clause */

/* NVSP messages, and how RNDIS requests travel in them; see netvsc_nvsp.h. */

#include "netvsc_nvsp.h"

#include <errno.h>
#include <string.h>

#include "netvsc_channel.h"
#include "rndis_packet.h"

/* Old hosts know no larger ones, newer ones pad theirs to it. */
union nvsp_message {
	uint32_t type;
	struct nvsp_init init;
	struct nvsp_ndis_version ndis_version;
	struct nvsp_ndis_config ndis_config;
	struct nvsp_buffer buffer;
	struct nvsp_revoke revoke;
	struct nvsp_rndis rndis;
	struct nvsp_subchannel subchannel;
	uint8_t padded[NVSP_MSG_BYTES_V61];
};
static_assert(sizeof(union nvsp_message) == NVSP_MSG_BYTES_V61, "message size");

/* The page of a request, as the host's list of pages. */
struct request_pages {
	struct vmbus_gpa_direct list;
	struct vmbus_gpa_range range;
	uint64_t page_number;
};
static_assert(sizeof(struct request_pages) == 24, "page list of one page");

/* A frame of the smallest MTU with its header must fit in a section. */
#define SECTION_BYTES_MIN 128u
#define SUBALLOC_BYTES_MIN (sizeof(struct rndis_packet) + RTE_ETHER_HDR_LEN)

/* ---- sending ---- */

/* Puts one packet and tells the host; -EAGAIN if there is no room. */
static int
send_once(struct netvsc_device *dev, const struct vmbus_packet_desc *desc)
{
	struct vmbus_channel *channel = dev->channel[0]->vmbus;
	bool signal = false;
	int ret;

	rte_spinlock_lock(&channel->lock);
	ret = vmbus_packet_put(&channel->tx, desc, 0);
	if (ret == 0)
		signal = vmbus_tx_ring_publish(&channel->tx);
	else if (ret == -EPROTO)
		netvsc_channel_kill_tx(dev->channel[0]);
	rte_spinlock_unlock(&channel->lock);
	if (signal)
		vmbus_channel_signal(channel);
	return ret;
}

/* Waits, bounded, for room: the host makes it by reading, we by draining. */
static int
send_packet(struct netvsc_device *dev, const struct vmbus_packet_desc *desc)
{
	uint64_t deadline = netvsc_xact_deadline_ms(dev, NETVSC_REPLY_NVSP);

	for (unsigned int round = 0;; round++) {
		int ret = netvsc_xact_alive(dev);

		if (ret == 0)
			ret = send_once(dev, desc);
		if (ret != -EAGAIN)
			return ret;
		if (netvsc_xact_clock_ms() >= deadline)
			return netvsc_xact_unheard(dev, NETVSC_REPLY_NVSP);
		netvsc_xact_pause(dev, round);
	}
}

static int
failed(struct netvsc_device *dev, const char *step, int ret)
{
	netvsc_fault(dev, "NVSP %s: %s", step,
		ret == -ETIMEDOUT ? "no answer from the host" : strerror(-ret));
	return ret;
}

/* A message that the host does not answer. */
static int
send_message(struct netvsc_device *dev, const char *step, const union nvsp_message *message)
{
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND,
		.payload = message, .payload_bytes = sizeof(*message),
	};
	int ret = send_packet(dev, &desc);

	return ret < 0 ? failed(dev, step, ret) : 0;
}

/* A message and the host's completion of it. Returns the length of the answer,
 * of which at least `reply_min` bytes are of type `reply_type`. */
static int
exchange(struct netvsc_device *dev, const char *step, const union nvsp_message *message,
	uint32_t reply_type, uint32_t reply_min)
{
	struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .want_completion = true,
		.payload = message, .payload_bytes = sizeof(*message),
	};
	uint32_t type = 0;
	int ret;

	netvsc_xact_begin(dev, NETVSC_REPLY_NVSP, -1);
	desc.transaction_id = dev->xact.transaction_id;
	ret = send_packet(dev, &desc);
	if (ret < 0)
		netvsc_xact_cancel(dev);
	else
		ret = netvsc_xact_wait(dev);
	if (ret < 0)
		return failed(dev, step, ret);
	memcpy(&type, dev->xact.reply, RTE_MIN((uint32_t)ret, (uint32_t)sizeof(type)));
	if ((uint32_t)ret >= reply_min && type == reply_type)
		return ret;
	netvsc_fault(dev, "NVSP %s: the answer has %d bytes, type %u; expected %u, type %u",
		step, ret, type, reply_min, reply_type);
	return -EPROTO;
}

/* ---- version ---- */

/* Highest first. Hosts from 2012 R2 on speak NDIS 6.30. */
static const struct version {
	uint32_t nvsp;
	uint16_t ndis_major, ndis_minor;
	const char *name;
} versions[] = {
	{ NVSP_VERSION_61, 6, 30, "6.1" },
	{ NVSP_VERSION_6, 6, 30, "6" },
	{ NVSP_VERSION_5, 6, 30, "5" },
	{ NVSP_VERSION_4, 6, 1, "4" },
	{ NVSP_VERSION_2, 6, 1, "2" },
	{ NVSP_VERSION_1, 6, 1, "1" },
};

/* 1 if the host accepts it, 0 if another is to be tried. */
static int
version_try(struct netvsc_device *dev, uint32_t version)
{
	const union nvsp_message message = {
		.init = { .type = NVSP_INIT, .version_min = version, .version_max = version },
	};
	struct nvsp_init_complete reply;
	int ret = exchange(dev, "version", &message, NVSP_INIT_COMPLETE, sizeof(reply));

	if (ret < 0)
		return ret;
	memcpy(&reply, dev->xact.reply, sizeof(reply));
	return reply.status == NVSP_STATUS_SUCCESS;
}

int
netvsc_nvsp_init(struct netvsc_device *dev)
{
	for (unsigned int i = 0; i < RTE_DIM(versions); i++) {
		int ret = version_try(dev, versions[i].nvsp);

		if (ret < 0)
			return ret;
		if (ret == 0)
			continue;
		dev->host.nvsp = versions[i].nvsp;
		dev->host.ndis_major = versions[i].ndis_major;
		dev->host.ndis_minor = versions[i].ndis_minor;
		NETVSC_LOG(INFO, control, "%s: NVSP %s, NDIS %u.%u", dev->name, versions[i].name,
			versions[i].ndis_major, versions[i].ndis_minor);
		return 0;
	}
	netvsc_fault(dev, "NVSP version: the host refused 6.1 and everything down to 1");
	return -EPROTONOSUPPORT;
}

/* ---- configuration ---- */

int
netvsc_nvsp_ndis_config(struct netvsc_device *dev, uint32_t frame_bytes)
{
	union nvsp_message message = {
		.ndis_config = {
			.type = NVSP_NDIS_CONFIG,
			.mtu_bytes = frame_bytes,
			.capabilities_low = NVSP_CONFIG_CAP_8021Q,
		},
	};

	dev->host.frame_max = frame_bytes;
	if (dev->host.nvsp < NVSP_VERSION_2)
		return 0;
	if (dev->host.nvsp >= NVSP_VERSION_4)
		message.ndis_config.capabilities_low |= NVSP_CONFIG_CAP_SRIOV;
	if (dev->host.nvsp >= NVSP_VERSION_61)
		message.ndis_config.capabilities_low |= NVSP_CONFIG_CAP_RSC;
	return send_message(dev, "NDIS configuration", &message);
}

int
netvsc_nvsp_ndis_version(struct netvsc_device *dev)
{
	const union nvsp_message message = {
		.ndis_version = {
			.type = NVSP_NDIS_VERSION,
			.major = dev->host.ndis_major,
			.minor = dev->host.ndis_minor,
		},
	};

	return send_message(dev, "NDIS version", &message);
}

/* ---- receive buffer ---- */

/* Old hosts cut it into pieces for large frames and pieces for small ones. */
#define RECV_SECTIONS_MAX 8u

/* 64-bit arithmetic: nothing here can wrap. */
static bool
recv_section_ok(const struct nvsp_recv_section *section, uint64_t buffer_bytes)
{
	uint64_t bytes = (uint64_t)section->suballoc_bytes * section->suballoc_count;

	return section->suballoc_bytes >= SUBALLOC_BYTES_MIN && section->suballoc_count > 0 &&
		section->end_offset <= buffer_bytes && section->end_offset > section->offset &&
		bytes <= buffer_bytes - section->offset;
}

/* A range may lie in any section: all that counts is how many there can be. */
static int
recv_sections(struct netvsc_device *dev, uint32_t count, uint32_t reply_bytes)
{
	const uint32_t first = offsetof(struct nvsp_recv_buffer_complete, section);
	struct nvsp_recv_section section;

	if (count == 0 || count > RECV_SECTIONS_MAX ||
	    reply_bytes < first + count * (uint32_t)sizeof(section)) {
		netvsc_fault(dev, "NVSP receive buffer: %u sections in an answer of %u bytes make no"
			" sense", count, reply_bytes);
		return -EPROTO;
	}
	for (uint32_t i = 0; i < count; i++) {
		memcpy(&section, dev->xact.reply + first + i * sizeof(section), sizeof(section));
		if (!recv_section_ok(&section, dev->recv_bytes)) {
			netvsc_fault(dev, "NVSP receive buffer: %u sub-allocations of %u bytes at"
				" %u..%u of %" PRIu64 " make no sense", section.suballoc_count,
				section.suballoc_bytes, section.offset, section.end_offset,
				dev->recv_bytes);
			return -EPROTO;
		}
		dev->host.suballoc_bytes = RTE_MAX(dev->host.suballoc_bytes, section.suballoc_bytes);
		dev->host.section_count += section.suballoc_count;
	}
	return 0;
}

int
netvsc_nvsp_recv_buffer(struct netvsc_device *dev)
{
	const union nvsp_message message = {
		.buffer = {
			.type = NVSP_RECV_BUFFER,
			.gpadl = dev->vmbus->recv_gpadl,
			.id = NETVSC_RECV_BUFFER_ID,
		},
	};
	struct nvsp_recv_buffer_complete reply;
	const uint32_t fixed = offsetof(struct nvsp_recv_buffer_complete, section);
	int ret = exchange(dev, "receive buffer", &message, NVSP_RECV_BUFFER_COMPLETE, fixed);

	if (ret < 0)
		return ret;
	memcpy(&reply, dev->xact.reply, fixed);
	if (reply.status != NVSP_STATUS_SUCCESS) {
		netvsc_fault(dev, "NVSP receive buffer: refused: status %u", reply.status);
		return -EIO;
	}
	/* From here on the host uses the buffer: detach must revoke it. */
	dev->host.attached |= NETVSC_ATTACHED_RECV;
	dev->host.suballoc_bytes = 0;
	dev->host.section_count = 0;
	return recv_sections(dev, reply.section_count, (uint32_t)ret);
}

/* ---- send buffer ---- */

/* Shares the sections out; control needs some only where it has no page lists. */
static int
send_sections(struct netvsc_device *dev, uint32_t section_bytes)
{
	struct netvsc_host *host = &dev->host;
	uint32_t count;

	if (section_bytes < SECTION_BYTES_MIN || section_bytes % sizeof(uint32_t) != 0 ||
	    section_bytes > dev->send_bytes) {
		netvsc_fault(dev, "NVSP send buffer: sections of %u bytes in a buffer of %"
			PRIu64 " make no sense", section_bytes, dev->send_bytes);
		return -EPROTO;
	}
	count = (uint32_t)RTE_MIN(dev->send_bytes / section_bytes, (uint64_t)UINT32_MAX - 1);
	host->send_control_count = 0;
	if (!dev->page_lists_ok)
		host->send_control_count = RTE_MAX(1u, RTE_MIN(NETVSC_REQUESTS, count / 4));
	if (count <= host->send_control_count) {
		netvsc_fault(dev, "NVSP send buffer: one section of %u bytes is not enough"
			" without page lists", section_bytes);
		return -ENOSPC;
	}
	host->send_section_bytes = section_bytes;
	host->send_section_count = count - host->send_control_count;
	return 0;
}

int
netvsc_nvsp_send_buffer(struct netvsc_device *dev)
{
	const union nvsp_message message = {
		.buffer = {
			.type = NVSP_SEND_BUFFER,
			.gpadl = dev->vmbus->send_gpadl,
			.id = NETVSC_SEND_BUFFER_ID,
		},
	};
	struct nvsp_send_buffer_complete reply;
	int ret = exchange(dev, "send buffer", &message, NVSP_SEND_BUFFER_COMPLETE,
		offsetof(struct nvsp_send_buffer_complete, section_bytes));

	if (ret < 0)
		return ret;
	memset(&reply, 0, sizeof(reply));
	memcpy(&reply, dev->xact.reply, RTE_MIN((uint32_t)ret, (uint32_t)sizeof(reply)));
	if (reply.status != NVSP_STATUS_SUCCESS) {
		NETVSC_LOG(NOTICE, control, "%s: NVSP send buffer: refused: status %u; going on without",
			dev->name, reply.status);
		return 0;
	}
	dev->host.attached |= NETVSC_ATTACHED_SEND;
	return send_sections(dev, reply.section_bytes);
}

/* ---- revoking ---- */

int
netvsc_nvsp_revoke_recv_buffer(struct netvsc_device *dev)
{
	const union nvsp_message message = {
		.revoke = { .type = NVSP_REVOKE_RECV_BUFFER, .id = NETVSC_RECV_BUFFER_ID },
	};

	return send_message(dev, "revoke receive buffer", &message);
}

int
netvsc_nvsp_revoke_send_buffer(struct netvsc_device *dev)
{
	const union nvsp_message message = {
		.revoke = { .type = NVSP_REVOKE_SEND_BUFFER, .id = NETVSC_SEND_BUFFER_ID },
	};

	return send_message(dev, "revoke send buffer", &message);
}

/* ---- channels and data path ---- */

int
netvsc_nvsp_subchannels(struct netvsc_device *dev, uint32_t count)
{
	const union nvsp_message message = {
		.subchannel = {
			.type = NVSP_SUBCHANNEL,
			.operation = NVSP_SUBCHANNEL_ALLOCATE,
			.count = count,
		},
	};
	struct nvsp_subchannel_complete reply;
	int ret;

	if (dev->host.nvsp < NVSP_VERSION_5)
		return -ENOTSUP;
	ret = exchange(dev, "subchannels", &message, NVSP_SUBCHANNEL, sizeof(reply));
	if (ret < 0)
		return ret;
	memcpy(&reply, dev->xact.reply, sizeof(reply));
	if (reply.status != NVSP_STATUS_SUCCESS) {
		netvsc_fault(dev, "NVSP subchannels: %u refused: status %u", count, reply.status);
		return -EIO;
	}
	if (reply.count > count) {
		netvsc_fault(dev, "NVSP subchannels: asked for %u, the host says %u",
			count, reply.count);
		return -EPROTO;
	}
	return (int)reply.count;
}

/* ---- RNDIS requests ---- */

/* The message in guest memory. */
static int
request_by_page(struct netvsc_device *dev, int page, const void *message, uint32_t bytes)
{
	const union nvsp_message nvsp = {
		.rndis = {
			.type = NVSP_RNDIS,
			.channel_type = NVSP_CHANNEL_CONTROL,
			.section_idx = NVSP_SECTION_NONE,
		},
	};
	const struct request_pages pages = {
		.list.range_count = 1,
		.range.byte_count = bytes,
		.page_number = dev->xact.page_number[page],
	};
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_GPA_DIRECT, .want_completion = true,
		.transaction_id = dev->xact.transaction_id,
		.extension = &pages, .extension_bytes = sizeof(pages),
		.payload = &nvsp, .payload_bytes = sizeof(nvsp),
	};

	memcpy(dev->xact.pages + (uint32_t)page * NETVSC_REQUEST_BYTES, message, bytes);
	return send_packet(dev, &desc);
}

/* The message in a section of the send buffer that the data path does not use. */
static int
request_by_section(struct netvsc_device *dev, int page, const void *message, uint32_t bytes)
{
	const struct netvsc_host *host = &dev->host;
	uint32_t section = host->send_section_count + (uint32_t)page;
	const union nvsp_message nvsp = {
		.rndis = {
			.type = NVSP_RNDIS,
			.channel_type = NVSP_CHANNEL_CONTROL,
			.section_idx = section,
			.section_bytes = bytes,
		},
	};
	const struct vmbus_packet_desc desc = {
		.type = VMBUS_PACKET_INBAND, .want_completion = true,
		.transaction_id = dev->xact.transaction_id,
		.payload = &nvsp, .payload_bytes = sizeof(nvsp),
	};

	memcpy(dev->send_buffer + (uint64_t)section * host->send_section_bytes, message, bytes);
	return send_packet(dev, &desc);
}

/* Whether and how a request of this length can travel at all. */
static int
request_possible(struct netvsc_device *dev, uint32_t bytes)
{
	if (dev->page_lists_ok)
		return bytes <= NETVSC_REQUEST_BYTES ? 0 : -EMSGSIZE;
	if (dev->host.send_control_count == 0) {
		netvsc_fault(dev, "RNDIS: neither the host's send buffer (refused) nor page"
			" lists (no physical addresses: run as root with hugepages, and without"
			" tx_page_lists=0) can carry a request");
		return -ENOTSUP;
	}
	return bytes <= dev->host.send_section_bytes ? 0 : -EMSGSIZE;
}

int
netvsc_nvsp_rndis(struct netvsc_device *dev, void *message, uint32_t bytes, uint32_t *request_id)
{
	int ret = request_possible(dev, bytes), page;

	if (ret < 0)
		return ret;
	page = netvsc_xact_page_claim(dev, dev->page_lists_ok ? NETVSC_REQUESTS :
		dev->host.send_control_count);
	if (page < 0)
		return page;
	netvsc_xact_begin(dev, request_id != NULL ? NETVSC_REPLY_RNDIS : NETVSC_REPLY_NVSP, page);
	if (request_id != NULL)
		*request_id = dev->xact.request_id;
	ret = dev->page_lists_ok ? request_by_page(dev, page, message, bytes) :
		request_by_section(dev, page, message, bytes);
	if (ret < 0) {
		netvsc_xact_cancel(dev);
		netvsc_xact_page_release(dev, page);
		return ret;
	}
	return netvsc_xact_wait(dev);
}
