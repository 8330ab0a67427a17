/* SPDX-License-Identifier: BSD-3-Clause */

/* See fake_tree.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_tree.h"

char fake_tree_root[64];

/* Makes the folders above `path`, or with `all` that one, too. */
static void
folders_make(char *path, int all)
{
	for (char *slash = strchr(path + strlen(fake_tree_root) + 1, '/'); slash != NULL;
			slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	if (all)
		assert_int_equal(mkdir(path, 0755), 0);
}

static void
path_of(char path[512], const char *format, va_list args)
{
	int n = snprintf(path, 512, "%s/", fake_tree_root);

	assert_true(vsnprintf(path + n, 512 - (size_t)n, format, args) < 512 - n);
}

void
fake_tree_put(const char *text, const char *format, ...)
{
	char path[512];
	va_list args;
	FILE *file;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	folders_make(path, 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void
fake_tree_folder(const char *format, ...)
{
	char path[512];
	va_list args;

	va_start(args, format);
	path_of(path, format, args);
	va_end(args);
	folders_make(path, 1);
}

void
fake_tree_zeros(const char *path, uint64_t bytes)
{
	char full[512];

	fake_tree_put("", "%s", path);
	snprintf(full, sizeof(full), "%s/%s", fake_tree_root, path);
	assert_int_equal(truncate(full, (off_t)bytes), 0);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
fake_tree_drop(const char *path)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/%s", fake_tree_root, path);
	assert_int_equal(nftw(full, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
fake_tree_create(void **state)
{
	(void)state;
	strcpy(fake_tree_root, "/tmp/test_vmbus.XXXXXX");
	return mkdtemp(fake_tree_root) == NULL ? -1 : 0;
}

int
fake_tree_destroy(void **state)
{
	(void)state;
	return nftw(fake_tree_root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
number_put(const char *format, uint64_t value, const char *path)
{
	char text[32];

	snprintf(text, sizeof(text), format, (unsigned long)value);
	fake_tree_put(text, "%s", path);
}

static void
map_put(const char *name, unsigned int uio, unsigned int map, const char *called, uint64_t bytes)
{
	char path[256];

	fake_tree_put(called, "%s/uio/uio%u/maps/map%u/name", name, uio, map);
	snprintf(path, sizeof(path), "%s/uio/uio%u/maps/map%u/size", name, uio, map);
	number_put("0x%lx\n", bytes, path);
}

void
fake_tree_nic(const char *name, const char *guid, unsigned int relid, unsigned int uio)
{
	char path[256];

	fake_tree_put("{" VMBUS_NIC_CLASS_GUID "}\n", "%s/class_id", name);
	fake_tree_put(guid, "%s/device_id", name);
	snprintf(path, sizeof(path), "%s/id", name);
	number_put("%lu\n", relid, path);
	fake_tree_put("3\n", "%s/monitor_id", name);
	map_put(name, uio, 0, "txrx_rings\n", FAKE_RINGS_BYTES);
	map_put(name, uio, 1, "int_page\n", 4096);
	map_put(name, uio, 2, "monitor_page\n", 4096);
	map_put(name, uio, 3, "recv:7\n", FAKE_BUFFER_BYTES);
	map_put(name, uio, 4, "send:8\n", FAKE_BUFFER_BYTES);
}

void
fake_tree_channel(const char *name, unsigned int relid, unsigned int index)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/channels/%u/subchannel_id", name, relid);
	number_put("%lu\n", index, path);
	snprintf(path, sizeof(path), "%s/channels/%u/monitor_id", name, relid);
	number_put("%lu\n", index, path);
}
