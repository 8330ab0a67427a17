/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VLANs of a learning switch's ports. Inside the switch a frame belongs to
 * one VLAN and its tag, if it has one, travels beside it:
 *   no VLANs  VLAN 0, the frame is not touched, tagged or not
 *   access    untagged frames belong to the port's VLAN; tagged ones are refused
 *   trunk     the tag says the VLAN; untagged frames are VLAN 0
 * So ports without VLANs, and trunks that allow VLAN 0, share VLAN 0.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../core/units.h"
#include "segment.h"

#define VLAN_ID_MAX 4094u
#define TCI_ID 0x0fffu
#define TCI_PRIORITY 0xf000u    /* priority and DEI */

static int
vlan_id_parse(const char *text, uint16_t *id)
{
	uint64_t value;

	if (units_parse_uint(text, &value) < 0 || value > VLAN_ID_MAX)
		return -EINVAL;
	*id = (uint16_t)value;
	return 0;
}

/* "5" or "1-10"; changes the text. */
static int
vlan_range_parse(char *text, uint64_t *allowed)
{
	char *dash = strchr(text, '-');
	uint16_t first, last;

	if (dash != NULL)
		*dash = '\0';
	if (vlan_id_parse(text, &first) < 0 ||
	    vlan_id_parse(dash != NULL ? dash + 1 : text, &last) < 0 || first > last)
		return -EINVAL;
	for (unsigned int id = first; id <= last; id++)
		allowed[id / 64] |= 1ull << (id % 64);
	return 0;
}

/* "1-10,20", perhaps in brackets; changes the text. */
static int
vlan_list_parse(char *text, uint64_t *allowed)
{
	size_t length = strlen(text);
	char *rest = text, *item;

	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		rest++;
	}
	while ((item = strsep(&rest, ",")) != NULL) {
		if (vlan_range_parse(item, allowed) < 0)
			return -EINVAL;
	}
	return 0;
}

static int
vlan_trunk_parse(const char *list, struct sw_vlan *vlan)
{
	char *copy = strdup(list);
	int ret;

	if (copy == NULL)
		return -ENOMEM;
	vlan->trunk = true;
	ret = vlan_list_parse(copy, vlan->allowed);
	free(copy);
	return ret;
}

int
sw_vlan_parse(const char *text, struct sw_vlan *vlan)
{
	struct sw_vlan result = { .trunk = false };
	int ret = 0;

	if (strncmp(text, "trunk:", 6) == 0)
		ret = vlan_trunk_parse(text + 6, &result);
	else if (*text != '\0')
		ret = vlan_id_parse(text, &result.access);
	if (ret == 0)
		*vlan = result;
	return ret;
}

static bool
vlan_allowed(const struct sw_port *port, uint16_t vlan)
{
	return (port->vlan.allowed[vlan / 64] >> (vlan % 64) & 1) != 0;
}

/* The id in the frame's outer tag, wherever that is; 0 if there is none. */
static uint16_t
frame_vlan_id(const struct frame *frame)
{
	if (frame->flags & FRAME_VLAN)
		return frame->vlan_tci & TCI_ID;
	if (frame_tag_inband(frame))
		return (uint16_t)(frame->data[14] << 8 | frame->data[15]) & TCI_ID;
	return 0;
}

int
vlan_ingress(const struct sw_port *from, struct frame *frame)
{
	uint16_t vlan;

	if (!vlan_configured(from))
		return 0;
	if ((frame->flags & FRAME_VLAN) == 0 && frame_tag_inband(frame) &&
	    !frame_tag_pop(frame))
		return -1;
	vlan = frame_vlan_id(frame);
	if (from->vlan.trunk)
		return vlan_allowed(from, vlan) ? vlan : -1;
	return vlan == 0 ? from->vlan.access : -1;
}

bool
vlan_egress(const struct sw_port *to, struct frame *frame, uint16_t vlan)
{
	uint16_t priority = 0;

	if (!vlan_configured(to))
		return vlan == 0;
	if (!to->vlan.trunk) {
		frame->flags &= (uint16_t)~FRAME_VLAN;
		return vlan == to->vlan.access;
	}
	if (!vlan_allowed(to, vlan))
		return false;
	if (vlan == 0)          /* must not become a tagged frame of another VLAN */
		return frame_vlan_id(frame) == 0;
	if (frame->flags & FRAME_VLAN)
		priority = frame->vlan_tci & TCI_PRIORITY;
	frame->vlan_tci = priority | vlan;
	frame->flags |= FRAME_VLAN;
	return true;
}
