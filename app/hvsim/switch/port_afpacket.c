/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A packet socket on an existing interface: its frames come into the switch,
 * the switch's leave by it. The kernel's own traffic on the interface goes on.
 * The kernel hands VLAN tags and unfinished checksums over beside the frame.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../core/engine.h"
#include "../core/util.h"
#include "port.h"
#include "vnet.h"

#define BATCH 64u
#define RETRY_NS 1000000u
/* One byte more than a frame may have tells longer ones. */
#define SLOT_BYTES ((FRAME_BYTES_MAX + 1u + 63u) & ~63u)
#define SOCKET_BUFFER_BYTES (4 << 20)

struct slot {
	struct virtio_net_hdr header;
	struct iovec parts[2];
	struct sockaddr_ll from;
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
};

struct afpacket {
	struct sw_port port;
	struct engine_poller poller;
	int fd;
	char interface[IFNAMSIZ];
	bool promiscuous;
	bool readable, blocked;         /* as in a tap */
	uint8_t *buffers;
	struct slot slots[BATCH];
	struct mmsghdr received[BATCH];
	uint64_t read_errors, too_long, full, write_errors;
};

/* ---- options ---- */

static int
set_interface(void *config, const char *value)
{
	return port_parse_text(value, ((struct afpacket *)config)->interface, IFNAMSIZ);
}

static int
set_promiscuous(void *config, const char *value)
{
	return units_parse_bool(value, &((struct afpacket *)config)->promiscuous);
}

static const struct port_option afpacket_options[] = {
	{ "if", set_interface, "the name of an interface" },
	{ "promisc", set_promiscuous, "yes or no" },
	{ NULL },
};

/* ---- from the interface ---- */

static void
slots_prepare(struct afpacket *ap, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct slot *slot = &ap->slots[i];

		slot->parts[0] = (struct iovec) { &slot->header, sizeof(slot->header) };
		slot->parts[1] = (struct iovec) { ap->buffers + (size_t)i * SLOT_BYTES,
			SLOT_BYTES };
		ap->received[i].msg_hdr = (struct msghdr) {
			.msg_name = &slot->from, .msg_namelen = sizeof(slot->from),
			.msg_iov = slot->parts, .msg_iovlen = 2,
			.msg_control = &slot->control, .msg_controllen = sizeof(slot->control),
		};
	}
}

/* Takes over a tag that the kernel took out of the frame. */
static void
read_tag(struct msghdr *message, struct frame *frame)
{
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if (aux.tp_status & TP_STATUS_VLAN_VALID) {
			frame->flags |= FRAME_VLAN;
			frame->vlan_tci = aux.tp_vlan_tci;
		}
	}
}

/* Makes a frame of a message; false if it is to be dropped. */
static bool
read_frame(struct afpacket *ap, unsigned int i, struct frame *frame)
{
	const struct slot *slot = &ap->slots[i];
	struct mmsghdr *message = &ap->received[i];

	if (slot->from.sll_pkttype == PACKET_OUTGOING)
		return false;
	/* Segments that the kernel has not cut yet are longer than a frame may be. */
	if (message->msg_len < sizeof(slot->header) + FRAME_HEADER_BYTES ||
	    message->msg_len > sizeof(slot->header) + FRAME_BYTES_MAX ||
	    slot->header.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		ap->too_long++;
		return false;
	}
	*frame = (struct frame) {
		.data = slot->parts[1].iov_base,
		.bytes = message->msg_len - (uint32_t)sizeof(slot->header),
		.flags = FRAME_WRITABLE,
	};
	vnet_read(&slot->header, frame);
	read_tag(&message->msg_hdr, frame);
	return true;
}

static unsigned int
afpacket_poll(void *arg)
{
	struct afpacket *ap = arg;
	struct frame frames[BATCH];
	unsigned int n = 0, room = BATCH;
	int got;

	if (!ap->readable)
		return 0;
	if (ap->port.link_up)
		room = HV_MIN(sw_room(&ap->port), BATCH);
	ap->blocked = room == 0;
	if (room == 0)
		return 0;
	slots_prepare(ap, room);
	got = recvmmsg(ap->fd, ap->received, room, MSG_DONTWAIT, NULL);
	if (got < 0) {
		ap->read_errors += errno != EAGAIN && errno != EINTR ? 1 : 0;
		ap->readable = false;
		return 0;
	}
	for (int i = 0; i < got; i++)
		n += read_frame(ap, (unsigned int)i, &frames[n]) ? 1 : 0;
	sw_input(&ap->port, frames, n);
	return (unsigned int)got;
}

static void
afpacket_event(void *arg, uint32_t events)
{
	struct afpacket *ap = arg;

	if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
		ap->readable = true;
		engine_kick();
	}
}

static bool
afpacket_prepare_sleep(void *arg)
{
	const struct afpacket *ap = arg;

	return !ap->readable || ap->blocked;
}

static uint64_t
afpacket_next_ns(void *arg)
{
	const struct afpacket *ap = arg;

	return ap->readable ? engine_now_ns() + RETRY_NS : UINT64_MAX;
}

/* ---- to the interface ---- */

/* Counts why a frame was not sent. */
static void
count_refusal(struct afpacket *ap, int error)
{
	ap->port.counters.tx_drops++;
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM)
		ap->full++;
	else
		ap->write_errors++;     /* EMSGSIZE: MTU; ENETDOWN: not up */
}

static void
send_batch(struct afpacket *ap, const struct frame *frames, unsigned int n)
{
	struct virtio_net_hdr headers[BATCH];
	struct iovec parts[BATCH][2];
	struct mmsghdr messages[BATCH];
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++) {
		vnet_write(&frames[i], &headers[i]);
		parts[i][0] = (struct iovec) { &headers[i], sizeof(headers[i]) };
		parts[i][1] = (struct iovec) { frame_bytes(&frames[i]), frames[i].bytes };
		messages[i].msg_hdr = (struct msghdr) { .msg_iov = parts[i], .msg_iovlen = 2 };
	}
	while (done < n) {
		int sent = sendmmsg(ap->fd, messages + done, n - done, MSG_DONTWAIT);

		if (sent > 0) {
			done += (unsigned int)sent;
			continue;
		}
		count_refusal(ap, errno);       /* of the first one: go on behind it */
		done++;
	}
}

static void
afpacket_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += BATCH)
		send_batch((struct afpacket *)port, frames + i, HV_MIN(n - i, BATCH));
}

/* ---- the port ---- */

static void
afpacket_destroy(struct sw_port *port)
{
	struct afpacket *ap = (struct afpacket *)port;

	engine_poller_remove(&ap->poller);
	if (ap->fd >= 0) {
		engine_fd_remove(ap->fd);
		close(ap->fd);
	}
	free(ap->buffers);
	free(ap);
}

static void
afpacket_stats(struct sw_port *port, struct stat_sink *stats)
{
	struct afpacket *ap = (struct afpacket *)port;

	stat_emit(stats, "afpacket_read_errors", ap->read_errors);
	stat_emit(stats, "afpacket_too_long", ap->too_long);
	stat_emit(stats, "afpacket_queue_full", ap->full);
	stat_emit(stats, "afpacket_write_errors", ap->write_errors);
}

static const struct sw_port_ops afpacket_ops = {
	.kind = "afpacket",
	.output = afpacket_output,
	.destroy = afpacket_destroy,
	.stats = afpacket_stats,
};

/* Sets what the socket is to tell and to leave out. */
static int
afpacket_options_set(struct afpacket *ap, int index)
{
	const int on = 1, bytes = SOCKET_BUFFER_BYTES;
	const struct packet_mreq promiscuous = {
		.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC,
	};

	if (setsockopt(ap->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(ap->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0)
		return -errno;
	/* Since Linux 4.20; before, read_frame() leaves them out. */
	setsockopt(ap->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (setsockopt(ap->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		setsockopt(ap->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (ap->promiscuous && setsockopt(ap->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
		    &promiscuous, sizeof(promiscuous)) < 0)
		return -errno;
	return 0;
}

static int
afpacket_open(struct afpacket *ap, const struct port_request *request)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
	};
	unsigned int index = if_nametoindex(ap->interface);
	int ret;

	if (index == 0) {
		port_error(request, "there is no interface '%s'", ap->interface);
		return -ENODEV;
	}
	/* Protocol 0: nothing arrives before it is bound to the interface. */
	ap->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (ap->fd < 0) {
		port_error(request, "cannot open a packet socket: %s%s", strerror(errno),
			errno == EPERM ? "; this needs root or CAP_NET_RAW" : "");
		return -EPERM;
	}
	address.sll_ifindex = (int)index;
	ret = afpacket_options_set(ap, address.sll_ifindex);
	if (ret == 0 && bind(ap->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		ret = -errno;
	if (ret < 0)
		port_error(request, "cannot use the interface %s: %s", ap->interface,
			strerror(-ret));
	return ret;
}

static int
afpacket_make(struct afpacket *ap, const struct port_request *request)
{
	int ret;

	if (port_options(request, afpacket_options, ap) < 0)
		return -EINVAL;
	if (ap->interface[0] == '\0') {
		port_error(request, "which interface? give if=NAME");
		return -EINVAL;
	}
	if (afpacket_open(ap, request) < 0)
		return -EINVAL;
	ap->buffers = malloc((size_t)BATCH * SLOT_BYTES);
	ret = ap->buffers == NULL ? -ENOMEM :
		engine_fd_add(ap->fd, EPOLLIN | EPOLLET, afpacket_event, ap);
	if (ret < 0)
		port_error(request, "cannot watch the interface: %s", strerror(-ret));
	return ret;
}

static struct sw_port *
afpacket_create(struct port_request *request)
{
	struct afpacket *ap = calloc(1, sizeof(*ap));

	if (ap == NULL)
		return port_error(request, "out of memory");
	ap->fd = -1;
	ap->promiscuous = true;
	port_init(&ap->port, &afpacket_ops, request->name);
	ap->port.accepts_partial = true;
	if (afpacket_make(ap, request) < 0) {
		afpacket_destroy(&ap->port);
		return NULL;
	}
	ap->readable = true;
	ap->poller.poll = afpacket_poll;
	ap->poller.prepare_sleep = afpacket_prepare_sleep;
	ap->poller.next_ns = afpacket_next_ns;
	ap->poller.arg = ap;
	engine_poller_add(&ap->poller);
	return &ap->port;
}

const struct port_kind port_kind_afpacket = {
	.kind = "afpacket",
	.help =
	"afpacket:if=NAME[,promisc=no]\n"
	"  An existing interface, through a packet socket. Needs root or CAP_NET_RAW.\n"
	"  Segments longer than a frame are dropped: switch the interface's receive\n"
	"  offloads off (ethtool -K NAME gro off lro off; on the peer of a veth tso off).\n"
	"    if=NAME      the interface\n"
	"    promisc=no   only frames for its own address (default: all)\n"
	"  Example: --port afpacket:if=eth1\n",
	.create = afpacket_create,
};
