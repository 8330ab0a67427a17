/* SPDX-License-Identifier: BSD-3-Clause */

/* See late.h. The table is in order: what was kept back first comes first. */

#include "late.h"

#include <string.h>

#include "../core/util.h"
#include "nic.h"

#define LATE_MAX 64u
/* The longest is an answer. */
#define LATE_BYTES RNDIS_ANSWER_BYTES_MAX

static struct kept {
	struct late late;
	uint8_t payload[LATE_BYTES];
} kept[LATE_MAX];

unsigned int late_held;

bool
late_hold(const struct late *late)
{
	struct kept *to = &kept[late_held];

	if (late_held == LATE_MAX || late->bytes > LATE_BYTES)
		return false;
	to->late = *late;
	if (late->bytes != 0)
		memcpy(to->payload, late->payload, late->bytes);
	late_held++;
	return true;
}

bool
late_or_never(const struct late *late, enum fault_verdict verdict)
{
	struct late later = *late;

	if (verdict == FAULT_HOLD)
		later.hold = fault_hold();
	return verdict == FAULT_DROP ||
		((verdict == FAULT_LATE || verdict == FAULT_HOLD) && late_hold(&later));
}

static void
take_out(unsigned int i)
{
	late_held--;
	memmove(&kept[i], &kept[i + 1], (late_held - i) * sizeof(kept[0]));
}

/* It is out of the table before it is done: doing it may keep more back. */
static void
do_at_last(unsigned int i)
{
	struct kept was = kept[i];

	take_out(i);
	was.late.call(was.late.channel, was.late.transaction_id, was.payload, was.late.bytes);
}

void
late_overtaken(struct vsp_channel *channel)
{
	for (unsigned int i = late_held; i-- > 0;)
		if (i < late_held && kept[i].late.channel == channel && kept[i].late.hold.serial == 0)
			do_at_last(i);
}

void
late_due(struct vsp_channel *channel)
{
	unsigned int i = 0;

	/* Bounded: what is kept back meanwhile goes to the end. */
	for (unsigned int n = late_held; n > 0 && i < late_held; n--) {
		const struct late *late = &kept[i].late;

		if (late->channel == channel && late->hold.serial != 0 && !fault_holds(&late->hold))
			do_at_last(i);
		else
			i++;
	}
}

uint64_t
late_next_ns(void)
{
	uint64_t next_ns = UINT64_MAX;

	for (unsigned int i = 0; i < late_held; i++)
		if (kept[i].late.hold.serial != 0 && channel_is_open(kept[i].late.channel))
			next_ns = HV_MIN(next_ns, kept[i].late.hold.until_ns);
	return next_ns;
}

void
late_forget(const struct vsp_channel *channel)
{
	for (unsigned int i = late_held; i-- > 0;)
		if (kept[i].late.channel == channel)
			take_out(i);
}
