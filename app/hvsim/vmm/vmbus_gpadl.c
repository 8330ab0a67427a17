/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GPADLs: a header and bodies bring page numbers; when the last one has come
 * the pages become one piece of this process's memory, wherever they lie in
 * the guest, so that the VSP sees rings and buffers in one piece.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmbus.h"

/* Bounds of what one guest may make the host keep. A NIC has 2 buffers and up
 * to 64 rings; 64 MiB is more than any buffer that is known. */
#define GPADL_PAGES_MAX 16384u
#define GPADLS_MAX 4096u
#define PAGES_MAX (1u << 20)

struct vmbus_gpadl *
vmbus_gpadl_find(struct vmbus *vmbus, uint32_t id)
{
	struct vmbus_gpadl *gpadl = vmbus->gpadls;

	while (gpadl != NULL && (gpadl->id != id || gpadl->torn_down))
		gpadl = gpadl->next;
	return gpadl;
}

/* Takes halves. */
static void
gpadl_destroy(struct vmbus *vmbus, struct vmbus_gpadl *gpadl)
{
	struct vmbus_gpadl **link = &vmbus->gpadls;

	while (*link != gpadl)
		link = &(*link)->next;
	*link = gpadl->next;
	if (gpadl->base != NULL)
		vmbus->machine->unmap(vmbus->machine_arg, gpadl->base, gpadl->pages);
	vmbus->gpadl_count--;
	vmbus->gpadl_pages -= gpadl->pages;
	free(gpadl->numbers);
	free(gpadl);
}

void
vmbus_gpadls_drop(struct vmbus *vmbus, uint32_t relid, bool all)
{
	struct vmbus_gpadl *gpadl = vmbus->gpadls, *next;

	for (; gpadl != NULL; gpadl = next) {
		next = gpadl->next;
		if (gpadl->relid == relid && (all || gpadl->torn_down))
			gpadl_destroy(vmbus, gpadl);
	}
}

static void
created_send(struct vmbus *vmbus, uint32_t relid, uint32_t id, bool ok)
{
	struct vmbus_gpadl_created created = {
		.header = { .type = VMBUS_GPADL_CREATED }, .relid = relid, .gpadl = id,
		.status = ok ? 0 : VMBUS_STATUS_FAILED,
	};

	vmbus_send(vmbus, &created, sizeof(created));
}

static void
gpadl_finish(struct vmbus *vmbus, struct vmbus_gpadl *gpadl)
{
	bool ok = vmbus->machine->map(vmbus->machine_arg, gpadl->numbers, gpadl->pages,
		&gpadl->base) == 0;

	free(gpadl->numbers);
	gpadl->numbers = NULL;
	created_send(vmbus, gpadl->relid, gpadl->id, ok);
	if (ok) {
		vmbus->counters.gpadls++;
		return;
	}
	vmbus_violation(vmbus, NULL, HV_VMBUS_GPADL, "GPADL 0x%x has pages that are no RAM",
		gpadl->id);
	gpadl_destroy(vmbus, gpadl);
}

/* Page numbers of one message; what is too much is not taken. */
static void
gpadl_add(struct vmbus *vmbus, struct vmbus_gpadl *gpadl, const uint8_t *numbers, uint32_t bytes)
{
	uint32_t count = bytes / sizeof(uint64_t), left = gpadl->pages - gpadl->pages_have;

	if (count > left) {
		vmbus_violation(vmbus, NULL, HV_VMBUS_GPADL,
			"GPADL 0x%x: %u page numbers too many", gpadl->id, count - left);
		count = left;
	}
	memcpy(gpadl->numbers + gpadl->pages_have, numbers, count * sizeof(uint64_t));
	gpadl->pages_have += count;
	if (gpadl->pages_have == gpadl->pages)
		gpadl_finish(vmbus, gpadl);
}

static const char *
header_wrong(struct vmbus *vmbus, const struct vmbus_gpadl_header *header)
{
	const struct hv_channel *channel = header->relid < VMBUS_RELIDS ?
		vmbus->by_relid[header->relid] : NULL;

	if (channel == NULL || !channel->offered)
		return "of no channel";
	if (header->gpadl == 0 || vmbus_gpadl_find(vmbus, header->gpadl) != NULL)
		return "whose number is in use";
	if (header->range_count != 1)
		return "of not one range";
	if (header->byte_offset != 0 || header->byte_count == 0 ||
	    header->byte_count % HV_PAGE_BYTES != 0)
		return "of no whole pages";
	if (header->byte_count / HV_PAGE_BYTES > GPADL_PAGES_MAX ||
	    vmbus->gpadl_count >= GPADLS_MAX || vmbus->gpadl_pages > PAGES_MAX)
		return "beyond the host's memory";
	return NULL;
}

void
vmbus_on_gpadl_header(struct vmbus *vmbus, const uint8_t *message, uint32_t bytes)
{
	struct vmbus_gpadl_header header;
	struct vmbus_gpadl *gpadl;
	const char *wrong;

	memcpy(&header, message, sizeof(header));
	wrong = header_wrong(vmbus, &header);
	/* The guest does not know yet that the channel was rescinded. */
	if (header.relid < VMBUS_RELIDS && vmbus->relid_state[header.relid] == RELID_RESCINDED)
		return;
	gpadl = wrong == NULL ? calloc(1, sizeof(*gpadl)) : NULL;
	if (gpadl != NULL)
		gpadl->numbers = calloc(header.byte_count / HV_PAGE_BYTES, sizeof(uint64_t));
	if (gpadl == NULL || gpadl->numbers == NULL) {
		if (wrong != NULL)
			vmbus_violation(vmbus, NULL, HV_VMBUS_GPADL, "GPADL 0x%x %s",
				header.gpadl, wrong);
		free(gpadl);
		created_send(vmbus, header.relid, header.gpadl, false);
		return;
	}
	gpadl->id = header.gpadl;
	gpadl->relid = header.relid;
	gpadl->pages = header.byte_count / HV_PAGE_BYTES;
	gpadl->next = vmbus->gpadls;
	vmbus->gpadls = gpadl;
	vmbus->gpadl_count++;
	vmbus->gpadl_pages += gpadl->pages;
	gpadl_add(vmbus, gpadl, message + sizeof(header), bytes - (uint32_t)sizeof(header));
}

void
vmbus_on_gpadl_body(struct vmbus *vmbus, const uint8_t *message, uint32_t bytes)
{
	struct vmbus_gpadl_body body;
	struct vmbus_gpadl *gpadl;

	memcpy(&body, message, sizeof(body));
	gpadl = vmbus_gpadl_find(vmbus, body.gpadl);
	if (gpadl == NULL || gpadl->numbers == NULL) {
		/* The rest of one that was refused, or whose channel is gone. */
		if (gpadl != NULL)
			vmbus_violation(vmbus, NULL, HV_VMBUS_GPADL,
				"GPADL 0x%x: more page numbers than it has pages", body.gpadl);
		return;
	}
	gpadl_add(vmbus, gpadl, message + sizeof(body), bytes - (uint32_t)sizeof(body));
}

void
vmbus_on_gpadl_teardown(struct vmbus *vmbus, const struct vmbus_gpadl_teardown *message)
{
	struct vmbus_gpadl_torndown torndown = {
		.header = { .type = VMBUS_GPADL_TORNDOWN }, .gpadl = message->gpadl,
	};
	struct vmbus_gpadl *gpadl = vmbus_gpadl_find(vmbus, message->gpadl);
	const struct hv_channel *channel;

	if (gpadl == NULL || gpadl->relid != message->relid) {
		/* Answered all the same: a guest waits for ever. */
		if (message->relid >= VMBUS_RELIDS ||
		    vmbus->relid_state[message->relid] != RELID_RESCINDED)
			vmbus_violation(vmbus, NULL, HV_VMBUS_GPADL, "teardown of GPADL 0x%x",
				message->gpadl);
		vmbus_send(vmbus, &torndown, sizeof(torndown));
		return;
	}
	channel = vmbus->by_relid[gpadl->relid];
	/* The VSP knows of it until the channel is closed: it is kept that long. */
	if (channel != NULL && channel->open) {
		gpadl->torn_down = true;
		vmbus->counters.teardowns_in_use++;
	} else {
		gpadl_destroy(vmbus, gpadl);
	}
	vmbus_send(vmbus, &torndown, sizeof(torndown));
}
