/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLIENT_H
#define CLIENT_H

/*
 * A small ethdev application: it drives one port through its life and says in
 * JSON what happened. It knows nothing of netvsc or hvsim; any ethdev port
 * whose frames come back will do.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define QUEUES_MAX 64u
#define SEGMENTS_MAX 30u
#define FRAME_MIN 60u
#define FRAME_MAX 9014u
#define BURST 32u
#define RSS_PHASES_MAX 8u
#define RSS_KEY_BYTES 40u

enum mode {
	MODE_ECHO,              /* send everything, check what comes back */
	MODE_RSS,               /* which queue does each flow land on */
	MODE_RECEIVE,           /* only receive, until enough or time is up */
	MODE_SPEED,             /* one frame size there and back, cycles per frame */
	MODE_DUPLEX,            /* as echo, with a thread for each direction */
	MODE_SCRIPT,            /* frames of a file, with offloads; tell of those that come */
};

struct rss_phase {
	uint8_t key[RSS_KEY_BYTES];
	uint16_t pattern[128];  /* repeated over the indirection table */
	unsigned int pattern_len;
};

struct options {
	enum mode mode;
	uint16_t port;
	unsigned int queues;
	uint32_t bytes_min, bytes_max;
	unsigned int segments_min, segments_max;
	unsigned int rounds;            /* times start, traffic, stop */
	unsigned int window;            /* frames on their way at once */
	unsigned int repeat;            /* each frame so many times */
	double seconds;                 /* bound of each phase */
	uint64_t frames;                /* MODE_RECEIVE, _SPEED, _SCRIPT: stop after so many */
	unsigned int mbufs;
	bool forever;                   /* repeat traffic until killed */
	const char *flows_file;
	const char *script_file;        /* MODE_SCRIPT: NULL: only receive `frames` */
	bool unprepared;                /* MODE_SCRIPT: without rte_eth_tx_prepare() */
	uint64_t tx_offloads, rx_offloads;      /* RTE_ETH_*, besides the usual */
	uint16_t mtu;                   /* 0: the usual */
	uint16_t data_room;             /* of an mbuf, behind the headroom; 0: the usual */
	struct rss_phase rss[RSS_PHASES_MAX];
	unsigned int rss_phases;
};

struct client {
	struct options options;
	struct rte_mempool *pool;
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;
};

/* ---- port.c: life cycle; each returns 0 or a negative errno ---- */

int port_probe(struct client *c);
int port_configure(struct client *c);
int port_start(struct client *c);
int port_stop(struct client *c);
int port_close(struct client *c);
int port_rss_set(struct client *c, const struct rss_phase *phase);
/* Sends what it can; the rest stays the caller's. */
uint16_t port_receive(struct client *c, uint16_t queue, struct rte_mbuf **mbufs);

/* ---- frames.c ---- */

/* Builds frame number `seq` of that length as a chain of `segments` mbufs
 * that follow each other nowhere in memory. NULL: no mbufs left. */
struct rte_mbuf *frame_make(struct client *c, uint32_t seq, uint32_t bytes,
	unsigned int segments);
/* The number of a frame that came back, or -1 if it is none of ours. */
int64_t frame_seq(const struct rte_mbuf *m);
/* All of it is as frame_make() made it. */
bool frame_ok(const struct client *c, const struct rte_mbuf *m, uint32_t seq);

/* ---- echo.c, rss.c, script.c: traffic; each prints one JSON object, 0 if all is well ---- */

int echo_traffic(struct client *c);
int duplex_traffic(struct client *c);
int speed_traffic(struct client *c);
int receive_traffic(struct client *c);
int rss_traffic(struct client *c);
int script_traffic(struct client *c);

#endif /* CLIENT_H */
