/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way out of a segment: frames are handed to the receiving port as they
 * are, or, where it does not take partial checksums or tags beside the frame,
 * as copies that have them filled in.
 */

#include <string.h>
#include <sys/mman.h>

#include "segment.h"

/* Room for one frame with a tag more than it came with. */
#define ARENA_FRAME_BYTES ((FRAME_BYTES_MAX + 4u + 15u) & ~15u)
/* A batch taken in and the same batch going out, at every depth. The memory
 * is touched only as far as it is used. */
#define ARENA_BYTES ((size_t)ARENA_FRAME_BYTES * FRAME_BATCH_MAX * 2u * SW_DEPTH_MAX)

static struct {
	uint8_t *base;
	size_t used;
} arena;

size_t
arena_mark(void)
{
	return arena.used;
}

void
arena_release(size_t mark)
{
	arena.used = mark;
}

uint8_t *
arena_get(uint32_t bytes)
{
	size_t start = arena.used;

	if (arena.base == NULL) {
		void *base = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (base == MAP_FAILED)
			return NULL;
		arena.base = base;
	}
	if (bytes > ARENA_BYTES - start)
		return NULL;
	arena.used = start + ((bytes + 15u) & ~(size_t)15u);
	return arena.base + start;
}

static bool
frame_copy(struct frame *frame, uint32_t skip_after, uint32_t extra)
{
	uint8_t *copy = arena_get(frame->bytes + extra);

	if (copy == NULL)
		return false;
	memcpy(copy, frame->data, skip_after);
	memcpy(copy + skip_after + extra, frame->data + skip_after, frame->bytes - skip_after);
	frame->data = copy;
	frame->bytes += extra;
	frame->flags |= FRAME_WRITABLE;
	return true;
}

bool
frame_own(struct frame *frame)
{
	return (frame->flags & FRAME_WRITABLE) != 0 || frame_copy(frame, 0, 0);
}

bool
frame_tag_inband(const struct frame *frame)
{
	return frame->bytes >= FRAME_HEADER_BYTES + 4 &&
		frame->data[12] == 0x81 && frame->data[13] == 0x00;
}

bool
frame_tag_push(struct frame *frame)
{
	uint8_t *tag;

	if (!frame_copy(frame, 12, 4))
		return false;
	tag = frame_bytes(frame) + 12;
	tag[0] = 0x81;
	tag[1] = 0x00;
	tag[2] = (uint8_t)(frame->vlan_tci >> 8);
	tag[3] = (uint8_t)frame->vlan_tci;
	frame->flags &= (uint16_t)~FRAME_VLAN;
	if (frame->flags & FRAME_CSUM_PARTIAL)
		frame->l4_offset += 4;
	return true;
}

bool
frame_tag_pop(struct frame *frame)
{
	uint8_t *data;

	if (!frame_own(frame))
		return false;
	data = frame_bytes(frame);
	frame->vlan_tci = (uint16_t)(data[14] << 8 | data[15]);
	memmove(data + 4, data, 12);
	frame->data = data + 4;
	frame->bytes -= 4;
	frame->flags |= FRAME_VLAN;
	if (frame->flags & FRAME_CSUM_PARTIAL)
		frame->l4_offset -= 4;
	return true;
}

/* Brings one frame into the form that the port takes. */
static bool
frame_adapt(const struct sw_port *to, struct frame *frame)
{
	if ((frame->flags & FRAME_VLAN) != 0 && !to->accepts_vlan_flag &&
	    !frame_tag_push(frame))
		return false;
	if ((frame->flags & FRAME_CSUM_PARTIAL) == 0 || to->accepts_partial)
		return true;
	if (!frame_own(frame))
		return false;
	frame_complete(frame);
	return true;
}

static void
hand_over(struct sw_port *to, const struct frame *frames, unsigned int n, uint64_t bytes)
{
	to->counters.tx_frames += n;
	to->counters.tx_bytes += bytes;
	if (__builtin_expect(to->capture != NULL, 0))
		capture_frames(to->capture, frames, n, false);
	to->ops->output(to, frames, n);
}

static void
deliver_adapted(struct sw_port *to, const struct frame *frames, unsigned int n)
{
	struct frame adapted[FRAME_BATCH_MAX];
	size_t mark = arena_mark();
	unsigned int count = 0;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++) {
		adapted[count] = frames[i];
		if (!frame_adapt(to, &adapted[count])) {
			to->counters.tx_drops++;
			continue;
		}
		bytes += adapted[count++].bytes;
	}
	if (count > 0)
		hand_over(to, adapted, count, bytes);
	arena_release(mark);
}

void
sw_deliver(struct sw_port *to, const struct frame *frames, unsigned int n,
	const struct frame_scan *scan)
{
	uint16_t refused = 0;

	if (!to->link_up) {
		to->counters.tx_drops += n;
		return;
	}
	if (!to->accepts_partial)
		refused |= FRAME_CSUM_PARTIAL;
	if (!to->accepts_vlan_flag)
		refused |= FRAME_VLAN;
	if (__builtin_expect((scan->any_flags & refused) != 0, 0))
		deliver_adapted(to, frames, n);
	else
		hand_over(to, frames, n, scan->bytes);
}
