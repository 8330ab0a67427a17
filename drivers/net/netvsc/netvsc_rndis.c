/* SPDX-License-Identifier: BSD-3-Clause */

/* RNDIS requests; see netvsc_rndis.h. */

#include "netvsc_rndis.h"

#include <errno.h>
#include <string.h>

#include "netvsc_nvsp.h"
#include "rndis_packet.h"

#define RNDIS_MAJOR 1u
#define RNDIS_MINOR 0u
/* What a host may send us in one message. */
#define RNDIS_TRANSFER_BYTES 0x4000u
#define RNDIS_MEDIUM_8023 0u
/* A host's packets start at multiples of at most a page. */
#define ALIGNMENT_SHIFT_MAX 12u
/* A frame of an MTU of 68 with its header: less cannot carry traffic. */
#define TRANSFER_BYTES_MIN (sizeof(struct rndis_packet) + 68u + RTE_ETHER_HDR_LEN)

int
netvsc_rndis_errno(uint32_t ndis_status)
{
	switch (ndis_status) {
	case NDIS_STATUS_SUCCESS:
		return 0;
	case NDIS_STATUS_NOT_SUPPORTED:
	case NDIS_STATUS_INVALID_OID:
		return -ENOTSUP;
	case NDIS_STATUS_INVALID_DATA:
	case NDIS_STATUS_INVALID_LENGTH:
		return -EINVAL;
	case NDIS_STATUS_RESOURCES:
		return -ENOMEM;
	case NDIS_STATUS_BAD_VERSION:
		return -EPROTONOSUPPORT;
	default:
		return -EIO;
	}
}

bool
netvsc_rndis_refused(int ret)
{
	return ret == -ENOTSUP || ret == -EINVAL || ret == -ENOMEM || ret == -EPROTONOSUPPORT ||
		ret == -EIO;
}

static int
failed(struct netvsc_device *dev, const char *what, uint32_t oid, int ret)
{
	if (ret == -EIO && dev->xact.refused != NVSP_STATUS_NONE)
		netvsc_fault(dev, "RNDIS %s 0x%08x: the host did not take it: status %u", what, oid,
			dev->xact.refused);
	else
		netvsc_fault(dev, "RNDIS %s 0x%08x: %s", what, oid,
			ret == -ETIMEDOUT ? "no answer from the host" : strerror(-ret));
	return ret;
}

static int
refused(struct netvsc_device *dev, const char *what, uint32_t oid, uint32_t status)
{
	netvsc_fault(dev, "RNDIS %s 0x%08x: the host answered status 0x%08x", what, oid, status);
	return netvsc_rndis_errno(status);
}

/*
 * The message's own length of an answer in dev->xact.reply, or -EPROTO if it is
 * another message or does not hold `min` bytes of what the host sent.
 */
static int
answer_bytes(const struct netvsc_device *dev, int received, uint32_t type, uint32_t min)
{
	struct rndis_header header;

	if (received < (int)min)
		return -EPROTO;
	memcpy(&header, dev->xact.reply, sizeof(header));
	if (header.type != (type | RNDIS_COMPLETION) || header.msg_bytes < min ||
	    header.msg_bytes > (uint32_t)received)
		return -EPROTO;
	return (int)header.msg_bytes;
}

/* ---- life of the link ---- */

static int
init_apply(struct netvsc_device *dev, const struct rndis_init_complete *reply)
{
	struct netvsc_host *host = &dev->host;

	if (reply->status != NDIS_STATUS_SUCCESS)
		return refused(dev, "init", 0, reply->status);
	if (reply->medium != RNDIS_MEDIUM_8023 || reply->max_packets_per_msg == 0 ||
	    reply->alignment_shift > ALIGNMENT_SHIFT_MAX ||
	    reply->max_transfer_bytes < TRANSFER_BYTES_MIN) {
		netvsc_fault(dev, "RNDIS init: the host's limits make no sense: medium %u,"
			" %u packets per message, %u bytes, alignment 1 << %u", reply->medium,
			reply->max_packets_per_msg, reply->max_transfer_bytes,
			reply->alignment_shift);
		return -EPROTO;
	}
	host->packets_per_message = reply->max_packets_per_msg;
	host->max_transfer_bytes = reply->max_transfer_bytes;
	host->alignment = 1u << reply->alignment_shift;
	return 0;
}

int
netvsc_rndis_init(struct netvsc_device *dev)
{
	struct rndis_init message = {
		.header = { RNDIS_INIT, sizeof(message) },
		.major = RNDIS_MAJOR,
		.minor = RNDIS_MINOR,
		.max_transfer_bytes = RNDIS_TRANSFER_BYTES,
	};
	struct rndis_init_complete reply;
	/* Old hosts leave out the list of address families. */
	const uint32_t min = offsetof(struct rndis_init_complete, af_list_offset);
	int ret = netvsc_nvsp_rndis(dev, &message, sizeof(message), &message.request_id);

	if (ret < 0)
		return failed(dev, "init", 0, ret);
	/* It holds a request id from here on, whatever it says. */
	dev->host.attached |= NETVSC_ATTACHED_RNDIS;
	ret = answer_bytes(dev, ret, RNDIS_INIT, min);
	if (ret < 0)
		return failed(dev, "init", 0, ret);
	memset(&reply, 0, sizeof(reply));
	memcpy(&reply, dev->xact.reply, min);
	return init_apply(dev, &reply);
}

int
netvsc_rndis_halt(struct netvsc_device *dev)
{
	struct rndis_halt message = { .header = { RNDIS_HALT, sizeof(message) } };
	int ret = netvsc_nvsp_rndis(dev, &message, sizeof(message), NULL);

	return ret < 0 ? failed(dev, "halt", 0, ret) : 0;
}

/* ---- query and set ---- */

/* Room for the longest request; the buffer is the caller's. */
struct oid_message {
	struct rndis_oid_request request;
	uint8_t info[NETVSC_REQUEST_BYTES - sizeof(struct rndis_oid_request)];
};

/* The information follows the request at once: some hosts ignore its offset. */
static int
oid_exchange(struct netvsc_device *dev, struct oid_message *message, const void *info,
	uint32_t info_bytes)
{
	struct rndis_oid_request *request = &message->request;
	uint32_t bytes = (uint32_t)sizeof(*request) + info_bytes;

	if (info_bytes > sizeof(message->info))
		return -EMSGSIZE;
	request->header.msg_bytes = bytes;
	request->info_bytes = info_bytes;
	request->info_offset = info_bytes == 0 ? 0 :
		(uint32_t)(sizeof(*request) - sizeof(request->header));
	if (info_bytes != 0)
		memcpy(message->info, info, info_bytes);
	return netvsc_nvsp_rndis(dev, message, bytes, &request->request_id);
}

/* Copies the answer's information out, checked; returns its length. */
static int
query_result(struct netvsc_device *dev, int received, const struct netvsc_rndis_query *query)
{
	const uint32_t base = sizeof(struct rndis_header);
	struct rndis_query_complete reply;
	int bytes = answer_bytes(dev, received, RNDIS_QUERY, sizeof(reply));

	if (bytes < 0)
		return failed(dev, "query", query->oid, bytes);
	memcpy(&reply, dev->xact.reply, sizeof(reply));
	if (reply.status != NDIS_STATUS_SUCCESS && query->optional) {
		NETVSC_LOG(DEBUG, control, "%s: RNDIS query 0x%08x: the host answered status 0x%08x",
			dev->name, query->oid, reply.status);
		return netvsc_rndis_errno(reply.status);
	}
	if (reply.status != NDIS_STATUS_SUCCESS)
		return refused(dev, "query", query->oid, reply.status);
	if (reply.info_bytes != 0 && (reply.info_offset < sizeof(reply) - base ||
	    !rndis_range_ok(reply.info_offset, reply.info_bytes, (uint32_t)bytes - base)))
		return failed(dev, "query", query->oid, -EPROTO);
	if (reply.info_bytes < query->output_min)
		return failed(dev, "query", query->oid, -ENODATA);
	bytes = (int)RTE_MIN(reply.info_bytes, query->output_bytes);
	if (bytes > 0)
		memcpy(query->output, dev->xact.reply + base + reply.info_offset, (uint32_t)bytes);
	return bytes;
}

int
netvsc_rndis_query(struct netvsc_device *dev, const struct netvsc_rndis_query *query)
{
	struct oid_message message;
	int ret;

	memset(query->output, 0, query->output_bytes);
	memset(&message.request, 0, sizeof(message.request));
	message.request.header.type = RNDIS_QUERY;
	message.request.oid = query->oid;
	ret = oid_exchange(dev, &message, query->input, query->input_bytes);
	return ret < 0 ? failed(dev, "query", query->oid, ret) : query_result(dev, ret, query);
}

int
netvsc_rndis_set(struct netvsc_device *dev, uint32_t oid, const void *data, uint32_t bytes)
{
	struct rndis_set_complete reply;
	struct oid_message message;
	int ret;

	memset(&message.request, 0, sizeof(message.request));
	message.request.header.type = RNDIS_SET;
	message.request.oid = oid;
	ret = oid_exchange(dev, &message, data, bytes);
	if (ret >= 0)
		ret = answer_bytes(dev, ret, RNDIS_SET, sizeof(reply));
	if (ret < 0)
		return failed(dev, "set", oid, ret);
	memcpy(&reply, dev->xact.reply, sizeof(reply));
	return reply.status == NDIS_STATUS_SUCCESS ? 0 : refused(dev, "set", oid, reply.status);
}
