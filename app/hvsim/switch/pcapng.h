/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_PCAPNG_H
#define HVSIM_PCAPNG_H

/*
 * Writes a pcapng file (libpcap 1.10 reads the format but cannot write it):
 * one section, one Ethernet interface, timestamps in nanoseconds. Writing is
 * buffered and never waits: the file may be a FIFO whose reader is slow, and
 * then blocks are dropped whole and counted.
 */

#include <stdbool.h>
#include <stdint.h>

#include "../core/engine.h"
#include "frame.h"

struct pcapng {
	int fd;
	uint32_t snap_bytes;
	bool broken;            /* a write failed: nothing more is written */
	uint8_t *buffer;
	uint32_t used;
	uint64_t wall_offset_ns;        /* wall clock minus monotonic */
	uint64_t frames, bytes, drops;
	struct engine_timer flush;
};

enum pcapng_direction {
	PCAPNG_UNKNOWN = 0,
	PCAPNG_INBOUND = 1,
	PCAPNG_OUTBOUND = 2,
};

/* Creates the file (or opens an existing one, emptied). snap_bytes 0: whole
 * frames. Returns 0 or -errno. */
int pcapng_open(struct pcapng *file, const char *path, const char *interface,
	uint32_t snap_bytes);
/* Appends a frame; a tag beside it is written in-band. */
void pcapng_write(struct pcapng *file, const struct frame *frame,
	enum pcapng_direction direction, uint64_t mono_ns);
/* Writes out what is buffered, as far as it goes without waiting. */
void pcapng_flush(struct pcapng *file);
void pcapng_close(struct pcapng *file);

#endif /* HVSIM_PCAPNG_H */
