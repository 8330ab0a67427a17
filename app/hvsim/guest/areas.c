/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says of this process's mappings, in /proc/self/maps: one line
 * each, "start-end permissions offset device inode path". Read piece by piece
 * and without stdio, which would allocate memory.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

/* Longer than a line without its path; the rest of a line is skipped. */
#define LINE_BYTES 128u

struct reader {
	int fd;
	size_t used, filled;
	char bytes[4096];
};

/* The next byte, or -1 at the end. */
static int
next_byte(struct reader *r)
{
	ssize_t got;

	if (r->used < r->filled)
		return (unsigned char)r->bytes[r->used++];
	do
		got = real.read(r->fd, r->bytes, sizeof(r->bytes));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return -1;
	r->filled = (size_t)got;
	r->used = 1;
	return (unsigned char)r->bytes[0];
}

/* Returns false at the end. */
static bool
next_line(struct reader *r, char line[LINE_BYTES])
{
	size_t length = 0;
	int c;

	while ((c = next_byte(r)) >= 0 && c != '\n')
		if (length < LINE_BYTES - 1)
			line[length++] = (char)c;
	line[length] = '\0';
	return c >= 0;
}

static bool
area_parse(const char *line, struct area *area)
{
	char *at;

	area->start = strtoul(line, &at, 16);
	if (*at != '-')
		return false;
	area->end = strtoul(at + 1, &at, 16);
	at = *at == ' ' ? strchr(at + 1, ' ') : NULL;   /* past the permissions */
	if (!at)
		return false;
	area->offset = strtoull(at, NULL, 16);
	return area->start < area->end;
}

int
areas_walk(int (*each)(const struct area *area, void *arg), void *arg)
{
	struct reader r = { .fd = real.openat(AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	char line[LINE_BYTES];
	struct area area;
	int ret = 0;

	if (r.fd < 0)
		return -errno;
	while (ret == 0 && next_line(&r, line))
		if (area_parse(line, &area))
			ret = each(&area, arg);
	real.close(r.fd);
	return ret;
}

int
area_open(const struct area *area)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)area->start,
		(unsigned long)area->end);
	fd = real.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
