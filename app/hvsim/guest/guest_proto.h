/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GUEST_PROTO_H
#define HVSIM_GUEST_PROTO_H

/*
 * What the preloaded libhvsim-guest.so and hvsim say to each other over
 * SOCK_SEQPACKET unix sockets, one datagram a message. Both ends are built
 * from one tree and check GUEST_PROTO_VERSION first.
 *
 * hvsim may end and be started again at the same place. Then every connection
 * is dead: a process makes a new one when it next asks for something, and says
 * anew what memory it has; a uio descriptor stays dead.
 *
 * A guest process finds its guest by the environment:
 *   HVSIM_DIR   a private folder with the sysfs tree in `root/` and the socket
 *               in `sock`; the path may be longer than a sockaddr_un holds
 *               (connect through /proc/self/fd/N/sock).
 *
 * Two kinds of connection:
 *   process      one per guest process, made on first use, again after fork.
 *                Request and reply; carries memory maps, attributes, rings.
 *   uio          one per open() of /dev/uioN. After the hello it carries
 *                one-byte kicks only: host to guest "look at the count",
 *                guest to host "int-page bits are set". It IS the uio
 *                descriptor that the program sees; it lives as long as any
 *                duplicate of it, in any process, and so does the open file.
 */

#include <assert.h>
#include <stdint.h>

#define GUEST_PROTO_VERSION 2u
#define GUEST_PROTO_PAYLOAD_MAX 8192u
#define GUEST_PROTO_FDS_MAX 8u
#define GUEST_PATH_MAX 1024u

/* Paths that the library serves from the tree below $HVSIM_DIR/root. */
#define GUEST_SYSFS_VMBUS   "/sys/bus/vmbus"
#define GUEST_SYSFS_UIO     "/sys/class/uio"
#define GUEST_SYSFS_DEVICES "/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"

enum guest_op {
	GUEST_HELLO_PROCESS = 1,    /* struct guest_hello -> struct guest_hello_reply */
	GUEST_HELLO_UIO,            /* struct guest_hello -> struct guest_uio_reply + fds */
	GUEST_ATTR_REFRESH,         /* path: about to be read; bring the file up to date */
	GUEST_ATTR_STORE,           /* struct guest_store: a write to an attribute */
	GUEST_RING_OPEN,            /* path of a `ring` attribute -> struct guest_ring_reply + fd */
	GUEST_MEM_MAP,              /* struct guest_mem + fd (none: anonymous); no reply */
	GUEST_MEM_UNMAP,            /* struct guest_mem; the reply says hvsim let go of it */
	GUEST_CHANNELS,             /* struct guest_channels_request -> struct guest_channels
	                             * + a fd per channel */
	GUEST_UIO_ADOPT,            /* uint64_t: cookie of a uio descriptor that came over
	                             * exec -> as GUEST_HELLO_UIO */
	GUEST_UFFD,                 /* struct guest_uffd + fd (none: not possible); no reply */
};

struct guest_msg {                  /* starts every message and reply */
	uint32_t op;
	int32_t status;             /* replies: 0 or -errno */
	uint32_t payload_bytes;
	uint32_t fds;
};
static_assert(sizeof(struct guest_msg) == 16, "guest message");

struct guest_hello {
	uint32_t version;
	uint32_t uio;               /* GUEST_HELLO_UIO: the number opened. GUEST_HELLO_PROCESS:
	                             * pid whose known memory this process has too (its
	                             * parent after fork, itself on a new connection), or 0 */
	uint32_t iova_pa;           /* the guest's EAL says PA (1), VA (0), unknown (2) */
	uint32_t page_bytes;
	uint64_t cookie;            /* GUEST_HELLO_UIO: SO_COOKIE of the guest's socket */
};

struct guest_hello_reply {
	uint32_t uio_first;         /* numbers of the simulated /dev/uioN */
	uint32_t uio_count;
	uint32_t uio_major;         /* for stat() */
	uint32_t reserved;
};

#define GUEST_UIO_MAPS 5u

/* Reply to GUEST_HELLO_UIO. fds: the struct guest_uio_page memfd, then one
 * memfd per map in order of enum uio_map. */
struct guest_uio_reply {
	uint32_t maps;
	uint32_t channel;           /* relid of the primary */
	uint32_t uio;               /* the number */
	uint32_t reserved;
	uint64_t map_bytes[GUEST_UIO_MAPS];
	uint64_t map_offset[GUEST_UIO_MAPS];    /* into the memfd */
};

/*
 * Shared by hvsim and every process that holds the open file. The host raises
 * event_count and, if kick_pending was 0, sets it and sends one byte; the
 * reader takes the byte, clears kick_pending, then loads event_count.
 */
struct guest_uio_page {
	uint32_t event_count;       /* host writes */
	uint32_t kick_pending;
	uint32_t seen_count;        /* what the last read() returned */
	uint32_t gone;              /* host: 1 once rescinded; read and write give EIO */
	uint32_t channel_epoch;     /* host: raised when the list of channels changes */
	uint32_t irqcontrol_all;    /* host: write() masks all channels, not just the primary */
	uint32_t reserved[10];
};
static_assert(sizeof(struct guest_uio_page) == 64, "uio page");

struct guest_store {
	char path[GUEST_PATH_MAX];
	uint32_t bytes;             /* of data, which follows */
};

struct guest_ring_reply {
	uint64_t bytes;
	uint32_t mode;              /* permission bits of the attribute */
	uint32_t reserved;
};

struct guest_mem {
	uint64_t address;
	uint64_t bytes;
	uint64_t offset;            /* in the file */
	uint32_t flags;             /* MAP_* as the guest gave them */
	uint32_t prot;
};

/*
 * A process has mapped the monitor page (map 2): sent right after every such
 * mmap, and by a forked child for each mapping it inherited. The descriptor is
 * what guest_uffd_register() returned; the library closes its own after
 * sending. While hvsim sleeps it write-protects the mapping, and a store into
 * it wakes hvsim. Without a descriptor hvsim polls the page slowly instead.
 * munmap and exit need no message.
 */
struct guest_uffd {
	uint64_t address;
	uint64_t bytes;
};

#define GUEST_CHANNELS_PER_REPLY GUEST_PROTO_FDS_MAX

struct guest_channels_request {
	uint64_t cookie;            /* of the open file's socket: one of another host's has none */
	uint32_t first;             /* index of the first channel wanted */
	uint32_t reserved;
};

struct guest_channels {
	uint32_t epoch;
	uint32_t total;             /* open channels of the device */
	uint32_t first;             /* index of the first in this reply */
	uint32_t count;             /* how many follow, one fd each */
	uint64_t ring_bytes[GUEST_CHANNELS_PER_REPLY];
	uint64_t ring_offset[GUEST_CHANNELS_PER_REPLY];
};

#endif /* HVSIM_GUEST_PROTO_H */
