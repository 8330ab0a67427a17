/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The guest program of test_guest.c: runs the case that its argument names,
 * under the preload library. Built twice, for the plain and for the 64-bit and
 * checked forms of libc's functions. Exit status 0: the case holds.
 */

#include "guest_client.h"

#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <linux/magic.h>

char guid[] = "f5cbd6a7-1e2f-4f0a-9c3d-00155d000001";
char device_dir[] = "/sys/bus/vmbus/devices/f5cbd6a7-1e2f-4f0a-9c3d-00155d000001";
#define REAL_DIR "/sys/devices/LNXSYSTM:00/LNXSYBUS:00/ACPI0004:00/VMBUS:00"

/* ---- helpers ---- */

struct host_reply
ask(uint64_t op, uint64_t arg)
{
	struct host_request req = { op, arg };
	struct host_reply reply;

	CHECK(send(HOST_FD, &req, sizeof(req), 0) == sizeof(req));
	CHECK(recv(HOST_FD, &reply, sizeof(reply), 0) == sizeof(reply));
	return reply;
}

/* The host learns of a close when its loop gets to it. */
bool
open_files_become(int64_t count)
{
	for (int i = 0; i < 10000; i++)
		if (ask(HOST_STATE, 0).a == count)
			return true;
	return false;
}

const char *
uio_path(void)
{
	static __thread char path[64];  /* looked up by several threads at once */
	char dir[PATH_MAX];
	struct dirent *d;
	DIR *uio;

	snprintf(dir, sizeof(dir), "%s/uio", device_dir);
	uio = opendir(dir);
	CHECK(uio);
	while ((d = readdir(uio)) != NULL)
		if (strncmp(d->d_name, "uio", 3) == 0)
			snprintf(path, sizeof(path), "/dev/%.20s", d->d_name);
	closedir(uio);
	CHECK(path[0]);
	return path;
}

int
uio_open(int flags)
{
	int fd = open(uio_path(), O_RDWR | flags);

	CHECK(fd >= 0);
	return fd;
}

const char *
attr(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", device_dir, name);
	return path;
}

static bool
file_says(int fd, const char *text)
{
	char buf[256];
	ssize_t bytes;

	if (fd < 0)
		return false;
	bytes = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (bytes < 0)
		return false;
	buf[bytes] = '\0';
	return strcmp(buf, text) == 0;
}

/* ---- the tree ---- */

void
the_tree_is_found_by_every_way_of_looking(void)
{
	struct stat st;
	struct statx stx;
	struct statfs fs;
	struct dirent **list;
	struct dirent *d;
	bool found = false;
	glob_t g;
	DIR *dir = opendir("/sys/bus/vmbus/devices");

	CHECK(dir);
	while ((d = readdir(dir)) != NULL)
		found |= strcmp(d->d_name, guid) == 0;
	CHECK(found);
	CHECK(closedir(dir) == 0);
	CHECK(scandir("/sys/bus/vmbus/devices", &list, NULL, alphasort) == 3);
	CHECK(stat(device_dir, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(lstat(device_dir, &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(lstat(attr(""), &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(lstat(attr("."), &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(fstatat(AT_FDCWD, device_dir, &st, 0) == 0 && S_ISDIR(st.st_mode));
	CHECK(statx(AT_FDCWD, device_dir, 0, STATX_ALL, &stx) == 0 && S_ISDIR(stx.stx_mode));
	CHECK(statfs(device_dir, &fs) == 0 && fs.f_type == SYSFS_MAGIC);
	CHECK(access(attr("class_id"), R_OK) == 0);
	CHECK(faccessat(AT_FDCWD, attr("class_id"), R_OK, 0) == 0);
	CHECK(euidaccess(attr("class_id"), R_OK) == 0);
	CHECK(access(attr("nonsense"), F_OK) < 0 && errno == ENOENT);
	CHECK(glob("/sys/bus/vmbus/devices/*/class_i?", 0, NULL, &g) == 0);
	CHECK(g.gl_pathc == 1 && strcmp(g.gl_pathv[0], attr("class_id")) == 0);
	globfree(&g);
	CHECK(open(attr("nonsense"), O_RDONLY | O_CREAT, 0644) < 0 && errno == EACCES);
}

void
paths_lead_into_the_tree_from_anywhere(void)
{
	int dir, sub;

	CHECK(file_says(open("//sys///bus/./vmbus/devices/../devices/"
		"f5cbd6a7-1e2f-4f0a-9c3d-00155d000001//class_id", O_RDONLY), CLASS_TEXT));
	CHECK(file_says(open("/tmp/../sys/bus/vmbus/devices/"
		"f5cbd6a7-1e2f-4f0a-9c3d-00155d000001/class_id", O_RDONLY), CLASS_TEXT));
	dir = open("/sys/bus", O_RDONLY | O_DIRECTORY);
	CHECK(dir >= 0);
	sub = openat(dir, "vmbus/devices", O_RDONLY | O_DIRECTORY);
	CHECK(sub >= 0);
	CHECK(faccessat(sub, guid, R_OK, 0) == 0);
	CHECK(chdir("/tmp") == 0);
	CHECK(file_says(open("../sys/bus/vmbus/devices/"
		"f5cbd6a7-1e2f-4f0a-9c3d-00155d000001/class_id", O_RDONLY), CLASS_TEXT));
	CHECK(fchdir(sub) == 0);
	CHECK(access("../../vmbus/devices", F_OK) == 0);
	CHECK(chdir(guid) == 0);
	CHECK(file_says(open("class_id", O_RDONLY), CLASS_TEXT));
	/* As in the kernel: ".." leads from where the link leads to. */
	CHECK(access("../../VMBUS:00", F_OK) == 0);
	CHECK(access("../../../../../../sys/bus/vmbus", F_OK) < 0);
	CHECK(chdir("/sys/bus/vmbus") == 0);
	CHECK(access("../../kernel", F_OK) == 0);
	CHECK(chdir("/") == 0);
	CHECK(file_says(open("sys/bus/vmbus/devices/"
		"f5cbd6a7-1e2f-4f0a-9c3d-00155d000001/class_id", O_RDONLY), CLASS_TEXT));
	CHECK(access("dev/null", F_OK) == 0);
	close(sub);
	close(dir);
}

void
links_and_real_paths_are_those_of_sysfs(void)
{
	char buf[PATH_MAX];
	char *path;
	ssize_t bytes;

	CHECK(realpath(device_dir, buf) == buf);
	CHECK(strncmp(buf, REAL_DIR "/", strlen(REAL_DIR) + 1) == 0);
	path = canonicalize_file_name(device_dir);
	CHECK(path && strcmp(path, buf) == 0);
	bytes = readlink(device_dir, buf, sizeof(buf) - 1);
	CHECK(bytes > 0);
	buf[bytes] = '\0';
	CHECK(strncmp(buf, "../../../devices/", 17) == 0);
	CHECK(chdir(device_dir) == 0);
	CHECK(getcwd(buf, sizeof(buf)) && strncmp(buf, REAL_DIR, strlen(REAL_DIR)) == 0);
	path = realpath(".", NULL);
	CHECK(path && strcmp(path, buf) == 0);
	bytes = readlink("/proc/self/cwd", buf, sizeof(buf) - 1);
	CHECK(bytes > 0);
	buf[bytes] = '\0';
	CHECK(strcmp(buf, path) == 0);
}

static int walked;

static int
on_walk(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	CHECK(strncmp(path, "/sys/bus/vmbus", 14) == 0);
	CHECK(where->base > 0 && path[where->base - 1] == '/');
	walked += strcmp(path + where->base, guid) == 0;
	return 0;
}

void
walkers_report_paths_of_sysfs(void)
{
	char *starts[] = { device_dir, NULL };
	char start[PATH_MAX];
	FTSENT *entry;
	FTS *fts;
	int seen = 0;

	CHECK(nftw("/sys/bus/vmbus", on_walk, 8, FTW_PHYS) == 0);
	/* Below devices and below its driver. */
	CHECK(walked == 2);
	CHECK(realpath(device_dir, start));
	starts[0] = start;
	fts = fts_open(starts, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	CHECK(fts);
	while ((entry = fts_read(fts)) != NULL) {
		CHECK(strncmp(entry->fts_path, start, strlen(start)) == 0);
		CHECK(entry->fts_pathlen == strlen(entry->fts_path));
		seen += strcmp(entry->fts_name, "class_id") == 0;
	}
	CHECK(fts_close(fts) == 0);
	CHECK(seen == 1);
}

void
attributes_are_read_by_every_call(void)
{
	char buf[128];
	volatile size_t room = sizeof(buf);
	struct iovec iov[2] = { { buf, 3 }, { buf + 3, sizeof(buf) - 3 } };
	FILE *f = fopen(attr("class_id"), "r");
	int fd, copy;

	CHECK(f && fgets(buf, sizeof(buf), f) && strcmp(buf, CLASS_TEXT) == 0);
	CHECK(fclose(f) == 0);
	fd = open(attr("class_id"), O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(read(fd, buf, room) == (ssize_t)strlen(CLASS_TEXT));
	CHECK(pread(fd, buf, room, 1) == (ssize_t)strlen(CLASS_TEXT) - 1 && buf[0] == 'f');
	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	CHECK(readv(fd, iov, 2) == (ssize_t)strlen(CLASS_TEXT) && buf[3] == '6');
	copy = dup(fd);
	close(fd);
	CHECK(lseek(copy, 0, SEEK_SET) == 0 && file_says(copy, CLASS_TEXT));
	CHECK(write(open(attr("class_id"), O_RDONLY), "x", 1) < 0 && errno == EBADF);
	f = freopen(attr("class_id"), "r", stdin);
	CHECK(f && fgets(buf, sizeof(buf), f) && strcmp(buf, CLASS_TEXT) == 0);
}

void
attribute_stores_return_the_kernels_error(void)
{
	char path[PATH_MAX], line[32];
	FILE *f;
	int fd;

	CHECK(open(attr("class_id"), O_WRONLY) < 0 && errno == EACCES);
	strcpy(path, attr("driver_override"));
	fd = open(path, O_RDWR | O_TRUNC);
	CHECK(fd >= 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(write(fd, "abc\n", 4) == 4);
	CHECK(pread(fd, line, sizeof(line), 0) == 4 && memcmp(line, "abc\n", 4) == 0);
	close(fd);
	f = fopen(path, "w");
	CHECK(f && fileno(f) >= 0);
	CHECK(fprintf(f, "%s", "def") == 3 && fclose(f) == 0);
	CHECK(file_says(open(path, O_RDONLY), "def\n"));
	f = fopen("/sys/bus/vmbus/drivers/uio_hv_generic/bind", "w");
	CHECK(f && fputs("no-such-device", f) >= 0);
	CHECK(fflush(f) == EOF && errno == ENODEV);
	fclose(f);
	fd = open("/sys/bus/vmbus/drivers/uio_hv_generic/bind", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "no-such-device", 14) < 0 && errno == ENODEV);
	CHECK(copy_file_range(fd, NULL, fd, NULL, 1, 0) < 0 && errno == EXDEV);
	close(fd);
	CHECK(open("/sys/bus/vmbus/drivers/uio_hv_generic/bind", O_RDONLY) < 0);
}

void
other_files_are_untouched(void)
{
	char name[] = "/tmp/hvsim-client-XXXXXX", buf[8];
	int fd = mkstemp(name);
	FILE *f;

	CHECK(fd >= 0 && write(fd, "hello", 5) == 5 && close(fd) == 0);
	fd = open(name, O_RDWR | O_APPEND);
	CHECK(fd >= 0 && write(fd, "!", 1) == 1);
	CHECK(pread(fd, buf, sizeof(buf), 0) == 6 && memcmp(buf, "hello!", 6) == 0);
	CHECK(close(fd) == 0);
	f = fopen(name, "r+");
	CHECK(f && fgets(buf, sizeof(buf), f) && strcmp(buf, "hello!") == 0 && fclose(f) == 0);
	CHECK(unlink(name) == 0);
	CHECK(access("/sys/class/net", F_OK) == 0 && access("/dev/null", F_OK) == 0);
	CHECK(open("/dev/uio99999", O_RDWR) < 0 && errno == ENOENT);
	fd = open("/tmp", O_RDWR | O_TMPFILE, 0600);
	CHECK(fd < 0 || close(fd) == 0);
}

/* ---- the table ---- */

#define CASE(name) { #name, name }
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	CASE(the_tree_is_found_by_every_way_of_looking),
	CASE(paths_lead_into_the_tree_from_anywhere),
	CASE(links_and_real_paths_are_those_of_sysfs),
	CASE(walkers_report_paths_of_sysfs),
	CASE(attributes_are_read_by_every_call),
	CASE(attribute_stores_return_the_kernels_error),
	CASE(other_files_are_untouched),
	CASE(uio_device_is_a_character_device),
	CASE(uio_read_returns_the_event_count),
	CASE(uio_read_takes_exactly_four_bytes),
	CASE(uio_read_blocks_until_an_event),
	CASE(uio_events_coalesce_and_poll_agrees),
	CASE(uio_write_sets_the_mask_before_it_returns),
	CASE(uio_write_masks_all_channels),
	CASE(old_kernels_mask_the_primary_only),
	CASE(uio_maps_have_the_kernels_bounds),
	CASE(mappings_keep_the_device_open),
	CASE(mappings_end_by_overmapping_and_moving),
	CASE(partial_unmapping_keeps_the_device_open),
	CASE(duplicates_keep_the_device_open),
	CASE(a_lock_keeps_others_out_until_its_holder_is_gone),
	CASE(descriptors_survive_exec),
	CASE(forked_children_keep_the_device_open),
	CASE(fclose_and_fdopen_follow_the_descriptor),
	CASE(hidden_descriptors_survive_the_program),
	CASE(ring_attribute_maps_the_channels_ring),
	CASE(ring_attribute_of_old_kernels_says_four_megabytes),
	CASE(ring_mapping_does_not_keep_the_device_open),
	CASE(rescind_gives_eio_and_stays_readable),
	CASE(shared_memory_is_read_in_place),
	CASE(unmapped_memory_is_let_go),
	CASE(private_memory_is_copied),
	CASE(children_inherit_known_memory),
	CASE(hugepages_are_free_after_munmap),
	CASE(physical_pages_are_found),
	CASE(shrunk_files_do_not_kill_the_host),
	CASE(inotify_succeeds_and_stays_silent),
	CASE(vanished_host_gives_errors_and_no_signal),
	CASE(restarted_host_is_found_and_the_old_one_stays_dead),
	CASE(restarted_host_knows_the_memory_of_parent_and_child),
	CASE(threads_open_and_close_at_once),
};

int
main(int argc, char **argv)
{
	if (argc == 3)
		return after_exec(atoi(argv[2]));
	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, argv[1]) == 0) {
			cases[i].run();
			return 0;
		}
	fprintf(stderr, "guest_client: no such case\n");
	return 2;
}
