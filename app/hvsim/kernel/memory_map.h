/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_MEMORY_MAP_H
#define HVSIM_MEMORY_MAP_H

/*
 * What memory.c is made of: the maps of one guest process, the index from
 * physical pages to them, and the SIGBUS handler behind both.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../guest/guest_proto.h"

/* One mmap() of hvsim; the maps of a process and of its forks share it. */
struct mem_region {
	struct mem_region *next, *prev; /* of all regions: for the fault handler */
	uint8_t *base;
	uint64_t bytes;
	uint64_t page_bytes;            /* what the kernel backs it with */
	unsigned int refs;              /* maps, and pieces waiting for release */
	bool forked;                    /* several processes have the same pages */
};

/* [start, end) of a process is the memory at base. */
struct mem_map {
	uint64_t start, end;
	uint8_t *base;
	struct mem_region *region;
};

struct mem_process {
	struct mem_process *next;
	pid_t pid;
	int pagemap_fd;                 /* -1: not opened */
	struct mem_map *maps;           /* by address, not overlapping */
	uint32_t count, room;
};

/* A piece that was taken from a process: its region's reference moves here. */
struct mem_release {
	struct mem_release *next;
	struct mem_map map;
	pid_t pid;
	bool answer;                    /* the process waits for it */
};

/* Addresses and offset are page bounds and nothing wraps. */
bool mem_range_ok(const struct guest_mem *mem);
/* Maps the file behind fd, as far as it reaches. Returns 0 or -errno. */
int mem_map_make(struct mem_map *map, const struct guest_mem *mem, int fd);
void mem_release_do(struct mem_release *release);

/* Takes the map's reference over, also when it fails. */
int mem_process_add(struct mem_process *p, const struct mem_map *map);
/* Removes [start, end); the pieces are put before *list. */
void mem_process_cut(struct mem_process *p, uint64_t start, uint64_t end,
	struct mem_release **list);
/* Gives p, which has none, the maps of the process that it is a fork of. */
void mem_process_inherit(struct mem_process *p, const struct mem_process *from);
const struct mem_map *mem_process_find(const struct mem_process *p, uint64_t va);
void mem_process_free(struct mem_process *p);

struct pa_range {
	uint64_t pfn, pages;            /* of HV_PAGE_BYTES */
	const uint8_t *base;
};

struct pa_index {
	struct pa_range *ranges;        /* by pfn, not overlapping, once sorted */
	uint32_t count, room;
};

/* Adds the present pages of the process's maps. Returns 0, or -errno if the
 * kernel hides page numbers. */
int pa_index_scan(struct pa_index *index, struct mem_process *p);
/* Does the kernel show this process page numbers? */
bool pa_index_allowed(void);
void pa_index_sort(struct pa_index *index);
const uint8_t *pa_index_find(const struct pa_index *index, uint64_t pfn);
void pa_index_free(struct pa_index *index);

/* Process-wide; repeated calls do nothing. */
void mem_fault_install(void);
/* Says once which regions have lost pages. */
void mem_fault_report(const char *guest);

#endif /* HVSIM_MEMORY_MAP_H */
