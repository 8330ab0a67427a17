/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * pcapng (draft-ietf-opsawg-pcapng): section header, interface description,
 * then one enhanced packet block per frame. Everything is in host byte order,
 * which the section header's magic tells the reader.
 */

#include "pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../core/log.h"
#include "../core/util.h"

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u
#define OPTION_IF_NAME 2u
#define OPTION_IF_TSRESOL 9u
#define OPTION_SHB_USERAPPL 4u
#define OPTION_EPB_FLAGS 2u

#define BUFFER_BYTES (512u << 10)
#define FLUSH_NS 500000000ull
/* Header, options and padding of a packet block. */
#define PACKET_OVERHEAD 64u

struct packet_block {
	uint32_t type, total_bytes;
	uint32_t interface;
	uint32_t time_high, time_low;
	uint32_t captured_bytes, original_bytes;
};
_Static_assert(sizeof(struct packet_block) == 28, "enhanced packet block");

static void
append(struct pcapng *file, const void *data, uint32_t bytes)
{
	memcpy(file->buffer + file->used, data, bytes);
	file->used += bytes;
}

static void
append_u32(struct pcapng *file, uint32_t value)
{
	append(file, &value, sizeof(value));
}

static void
append_padding(struct pcapng *file)
{
	static const uint8_t zero[4];

	append(file, zero, -file->used & 3u);
}

static void
append_option(struct pcapng *file, uint16_t code, const void *value, uint16_t bytes)
{
	append_u32(file, (uint32_t)bytes << 16 | code);
	append(file, value, bytes);
	append_padding(file);
}

/* Ends a block of which everything but its length is in the buffer. */
static void
block_end(struct pcapng *file, uint32_t start)
{
	uint32_t total = file->used + 4 - start;

	memcpy(file->buffer + start + 4, &total, sizeof(total));
	append_u32(file, total);
}

static void
append_headers(struct pcapng *file, const char *interface)
{
	static const uint8_t nanoseconds = 9;
	static const char application[] = "hvsim";
	uint32_t start = file->used;

	append_u32(file, BLOCK_SECTION);
	append_u32(file, 0);
	append_u32(file, BYTE_ORDER_MAGIC);
	append_u32(file, 1);                    /* version 1.0 */
	append_u32(file, UINT32_MAX);           /* section length: unknown */
	append_u32(file, UINT32_MAX);
	append_option(file, OPTION_SHB_USERAPPL, application, sizeof(application) - 1);
	append_u32(file, 0);                    /* end of options */
	block_end(file, start);

	start = file->used;
	append_u32(file, BLOCK_INTERFACE);
	append_u32(file, 0);
	append_u32(file, LINKTYPE_ETHERNET);
	append_u32(file, file->snap_bytes);
	append_option(file, OPTION_IF_NAME, interface, (uint16_t)strlen(interface));
	append_option(file, OPTION_IF_TSRESOL, &nanoseconds, 1);
	append_u32(file, 0);
	block_end(file, start);
}

static uint64_t
wall_clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int
pcapng_open(struct pcapng *file, const char *path, const char *interface, uint32_t snap_bytes)
{
	memset(file, 0, sizeof(*file));
	/* A FIFO without a reader is refused at once instead of waiting for one. */
	file->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
		0644);
	if (file->fd < 0)
		return -errno;
	file->buffer = malloc(BUFFER_BYTES);
	if (file->buffer == NULL) {
		close(file->fd);
		return -ENOMEM;
	}
	file->snap_bytes = snap_bytes;
	file->wall_offset_ns = wall_clock_ns() - engine_clock_ns();
	append_headers(file, interface);
	pcapng_flush(file);
	return 0;
}

/* Writes out as much as goes; the rest moves to the front. */
static void
buffer_write(struct pcapng *file)
{
	uint32_t done = 0;

	while (done < file->used && !file->broken) {
		ssize_t n = write(file->fd, file->buffer + done, file->used - done);

		if (n > 0)
			done += (uint32_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (n < 0 && errno == EAGAIN)
			break;
		else
			file->broken = true;
	}
	if (file->broken) {
		log_error("capture: writing failed: %s; the file ends here", strerror(errno));
		done = file->used;
	}
	memmove(file->buffer, file->buffer + done, file->used - done);
	file->used -= done;
}

static void
flush_due(void *arg)
{
	struct pcapng *file = arg;

	pcapng_flush(file);
	if (file->used > 0)
		engine_timer_arm(&file->flush, engine_now_ns() + FLUSH_NS / 10, flush_due, file);
}

void
pcapng_flush(struct pcapng *file)
{
	if (file->used > 0)
		buffer_write(file);
}

/* The frame's bytes, at most `snap` of them, with a tag put in. */
static void
append_frame(struct pcapng *file, const struct frame *frame, uint32_t captured)
{
	uint8_t head[16];
	uint32_t head_bytes;

	if ((frame->flags & FRAME_VLAN) == 0) {
		append(file, frame->data, captured);
		return;
	}
	memcpy(head, frame->data, 12);
	head[12] = 0x81;
	head[13] = 0x00;
	head[14] = (uint8_t)(frame->vlan_tci >> 8);
	head[15] = (uint8_t)frame->vlan_tci;
	head_bytes = HV_MIN(captured, (uint32_t)sizeof(head));
	append(file, head, head_bytes);
	append(file, frame->data + 12, captured - head_bytes);
}

void
pcapng_write(struct pcapng *file, const struct frame *frame, enum pcapng_direction direction,
	uint64_t mono_ns)
{
	uint64_t time_ns = mono_ns + file->wall_offset_ns;
	uint32_t original = frame->bytes + ((frame->flags & FRAME_VLAN) ? 4 : 0);
	uint32_t captured = original;
	uint32_t start, flags = direction;

	if (file->snap_bytes != 0 && captured > file->snap_bytes)
		captured = file->snap_bytes;
	if (captured + PACKET_OVERHEAD > BUFFER_BYTES - file->used)
		pcapng_flush(file);
	if (file->broken || captured + PACKET_OVERHEAD > BUFFER_BYTES - file->used) {
		file->drops++;
		return;
	}
	start = file->used;
	append(file, &(struct packet_block){
		.type = BLOCK_PACKET,
		.time_high = (uint32_t)(time_ns >> 32), .time_low = (uint32_t)time_ns,
		.captured_bytes = captured, .original_bytes = original,
	}, sizeof(struct packet_block));
	append_frame(file, frame, captured);
	append_padding(file);
	if (direction != PCAPNG_UNKNOWN) {
		append_option(file, OPTION_EPB_FLAGS, &flags, sizeof(flags));
		append_u32(file, 0);
	}
	block_end(file, start);
	file->frames++;
	file->bytes += captured;
	if (!file->flush.armed)
		engine_timer_arm(&file->flush, engine_now_ns() + FLUSH_NS, flush_due, file);
}

void
pcapng_close(struct pcapng *file)
{
	engine_timer_cancel(&file->flush);
	pcapng_flush(file);
	if (file->used > 0 && !file->broken)
		log_warning("capture: the reader was too slow: the last %u bytes are lost",
			file->used);
	close(file->fd);
	free(file->buffer);
	file->buffer = NULL;
	file->fd = -1;
}
