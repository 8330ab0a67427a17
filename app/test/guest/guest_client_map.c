/* SPDX-License-Identifier: BSD-3-Clause */

/* The guest program's cases about mappings, lifetimes and guest memory. */

#include "guest_client.h"

#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>

#define PAGE 4096u
#define HUGE_BYTES (2u << 20)
#define RW (PROT_READ | PROT_WRITE)

static void *
uio_map(int fd, unsigned int index, size_t bytes)
{
	void *map = mmap(NULL, bytes, RW, MAP_SHARED, fd, (off_t)(index * PAGE));

	CHECK(map != MAP_FAILED);
	return map;
}

bool
map_fails(int fd, off_t offset, size_t bytes, int prot, int error)
{
	return mmap(NULL, bytes, prot, MAP_SHARED, fd, offset) == MAP_FAILED && errno == error;
}

static int
maps_of(const char *what)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[PATH_MAX];
	int count = 0;

	while (fgets(line, sizeof(line), f))
		count += strstr(line, what) != NULL;
	fclose(f);
	return count;
}

/* ---- maps of the device ---- */

void
uio_maps_have_the_kernels_bounds(void)
{
	static const size_t bytes[] = { 0, PAGE, PAGE, 31u << 20, 16u << 20 };
	int fd = uio_open(0), reader;
	void *map;

	for (unsigned int i = 1; i < 5; i++) {
		CHECK(munmap(uio_map(fd, i, bytes[i]), bytes[i]) == 0);
		CHECK(map_fails(fd, (off_t)(i * PAGE), bytes[i] + 1, RW, EINVAL));
	}
	CHECK(map_fails(fd, 5 * PAGE, PAGE, RW, EINVAL));
	CHECK(map_fails(fd, PAGE, 0, RW, EINVAL));
	CHECK(map_fails(fd, 0, 64u << 20, RW, EINVAL));
	reader = open(uio_path(), O_RDONLY);
	CHECK(reader >= 0 && map_fails(reader, PAGE, PAGE, RW, EACCES));
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, PAGE);
	CHECK(map != MAP_FAILED);
	/* What the host writes is what both see. */
	map = uio_map(fd, 0, PAGE * 4);
	ask(HOST_TEXT, 0);
	CHECK(((char *)map)[PAGE] == 't');
	CHECK(mremap(map, PAGE * 4, PAGE * 8, MREMAP_MAYMOVE) == MAP_FAILED);
}

void
mappings_keep_the_device_open(void)
{
	int fd = uio_open(0);
	int64_t closes = ask(HOST_STATE, 0).c;
	void *a = uio_map(fd, 1, PAGE), *b = uio_map(fd, 2, PAGE);

	CHECK(close(fd) == 0);
	CHECK(munmap(a, PAGE) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(ask(HOST_STATE, 0).a == 1);
	CHECK(munmap(b, PAGE) == 0);
	CHECK(open_files_become(0) && ask(HOST_STATE, 0).c == closes + 1);
	CHECK(maps_of("memfd:hvsim") == 0);
}

void
mappings_end_by_overmapping_and_moving(void)
{
	int fd = uio_open(0);
	char *a = uio_map(fd, 1, PAGE), *b = uio_map(fd, 2, PAGE), *c;

	CHECK(close(fd) == 0);
	CHECK(mmap(a, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a);
	CHECK(a[0] == 0);
	c = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(c != MAP_FAILED);
	CHECK(mremap(b, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, c) == c);
	CHECK(mmap(b, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == b);
	for (int i = 0; i < 100; i++)
		CHECK(ask(HOST_STATE, 0).a == 1);
	CHECK(munmap(c, PAGE) == 0);
	CHECK(open_files_become(0));
}

void
partial_unmapping_keeps_the_device_open(void)
{
	int fd = uio_open(0);
	char *map = uio_map(fd, 4, 16u << 20);

	CHECK(close(fd) == 0);
	CHECK(munmap(map + (4u << 20), 8u << 20) == 0);
	CHECK(munmap(map, 4u << 20) == 0);
	map[(16u << 20) - 1] = 1;
	for (int i = 0; i < 100; i++)
		CHECK(ask(HOST_STATE, 0).a == 1);
	CHECK(munmap(map + (12u << 20), 4u << 20) == 0);
	CHECK(open_files_become(0));
}

/* ---- descriptors ---- */

void
duplicates_keep_the_device_open(void)
{
	int fd = uio_open(O_NONBLOCK);
	int copies[4] = { dup(fd), dup2(fd, 50), fcntl(fd, F_DUPFD, 60),
		fcntl(fd, F_DUPFD_CLOEXEC, 70) };
	int third = dup3(fd, 80, O_CLOEXEC);
	int32_t count;
	struct stat st;

	CHECK(third == 80 && close(fd) == 0);
	ask(HOST_INTERRUPT, 0);
	CHECK(read(third, &count, 4) == 4 && count == 1);
	CHECK(fstat(third, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(close(third) == 0);
	for (int i = 0; i < 4; i++) {
		CHECK(copies[i] >= 0 && read(copies[i], &count, 4) < 0 && errno == EAGAIN);
		CHECK(ask(HOST_STATE, 0).a == 1);
		CHECK(close(copies[i]) == 0);
	}
	CHECK(open_files_become(0));
	/* dup2 over a device is a close of it. */
	fd = uio_open(0);
	CHECK(dup2(HOST_FD, fd) == fd && open_files_become(0));
	CHECK(close(fd) == 0);
}

void
forked_children_keep_the_device_open(void)
{
	int fd = uio_open(0), gate[2], status;
	void *map = uio_map(fd, 2, PAGE);
	char byte;
	pid_t pid;

	CHECK(pipe(gate) == 0);
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		close(fd);
		if (read(gate[0], &byte, 1) != 0)
			_exit(1);
		_exit(munmap(map, PAGE));
	}
	close(gate[0]);
	CHECK(munmap(map, PAGE) == 0 && close(fd) == 0);
	for (int i = 0; i < 100; i++)
		CHECK(ask(HOST_STATE, 0).a == 1);
	close(gate[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(open_files_become(0));
	/* exec ends mappings, and descriptors that ask for it. */
	fd = uio_open(O_CLOEXEC);
	uio_map(fd, 2, PAGE);
	pid = vfork();
	if (pid == 0) {
		execlp("true", "true", NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(ask(HOST_STATE, 0).a == 1);
}

void
hidden_descriptors_survive_the_program(void)
{
	int fd = uio_open(0), again;
	char *map = uio_map(fd, 1, PAGE);
	int32_t on = 1;

	/* What a daemon does at its start. */
	for (int i = HOST_FD + 1; i < 1024; i++)
		close(i);
	CHECK(map[0] == 0 && ask(HOST_STATE, 0).a == 1);
	CHECK(close_range(HOST_FD + 1, ~0u, 0) == 0);
	closefrom(HOST_FD + 1);
	CHECK(ask(HOST_STATE, 0).a == 1);
	again = uio_open(0);
	for (int i = 500; i < 1000; i++)
		CHECK(dup2(0, i) == i);
	for (int i = 8192; i < 8300; i++)
		if (dup2(0, i) < 0)
			break;
	CHECK(write(again, &on, 4) == 4 && ask(HOST_STATE, 0).a == 2);
	CHECK(munmap(map, PAGE) == 0 && open_files_become(1));
	CHECK(close(again) == 0 && open_files_become(0));
}

static void *
opener(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++) {
		int fd = uio_open(O_NONBLOCK);
		void *map = uio_map(fd, 1 + (unsigned int)i % 2, PAGE);
		int32_t value = 1;

		CHECK(write(fd, &value, 4) == 4);
		CHECK(read(fd, &value, 4) == 4 || errno == EAGAIN);
		CHECK(close(fd) == 0 && munmap(map, PAGE) == 0);
	}
	return NULL;
}

void
threads_open_and_close_at_once(void)
{
	pthread_t threads[4];

	(void)uio_path();
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, opener, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(access("/sys/bus/vmbus/devices", F_OK));
		CHECK(waitpid(pid, NULL, 0) == pid);
		CHECK(pthread_join(threads[i], NULL) == 0);
	}
	CHECK(open_files_become(0));
}

/* ---- rings of subchannels ---- */

const char *
ring_path(unsigned int channel)
{
	static char path[PATH_MAX];
	struct host_reply reply;

	do
		reply = ask(HOST_CHANNEL, channel);
	while (reply.a == 0);
	snprintf(path, sizeof(path), "/sys/bus/vmbus/devices/%s/channels/%u/ring", guid,
		(unsigned int)reply.b);
	/* The file comes when the kernel gets to it. */
	for (int i = 0; i < 100000 && access(path, R_OK | W_OK) < 0; i++)
		ask(HOST_STATE, 0);
	return path;
}

void
ring_attribute_maps_the_channels_ring(void)
{
	int fd = uio_open(0), ring;
	struct stat st, st2;
	char *map;

	ask(HOST_SUBCHANNEL, 1);
	ring = open(ring_path(1), O_RDWR);
	CHECK(ring >= 0 && fstat(ring, &st) == 0 && stat(ring_path(1), &st2) == 0);
	CHECK(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600 && st.st_size == st2.st_size);
	CHECK(st.st_size > 0);
	map = mmap(NULL, (size_t)st.st_size, RW, MAP_SHARED, ring, 0);
	CHECK(map != MAP_FAILED);
	ask(HOST_TEXT, 1);
	CHECK(map[PAGE] == 't' && map[st.st_size / 2 + PAGE] == 'r');
	CHECK(map_fails(ring, 0, (size_t)st.st_size + PAGE, RW, EINVAL));
	close(ring);
	ring = open(ring_path(1), O_RDONLY);
	CHECK(ring >= 0 && map_fails(ring, 0, PAGE, RW, EACCES));
	close(ring);
	close(fd);
}

void
ring_attribute_of_old_kernels_says_four_megabytes(void)
{
	int fd = uio_open(0);
	struct stat st;

	ask(HOST_SUBCHANNEL, 1);
	CHECK(stat(ring_path(1), &st) == 0 && st.st_size == 4 << 20);
	close(fd);
}

void
ring_mapping_does_not_keep_the_device_open(void)
{
	int fd = uio_open(0), ring;
	char *map;

	ask(HOST_SUBCHANNEL, 1);
	ring = open(ring_path(1), O_RDWR);
	map = mmap(NULL, PAGE, RW, MAP_SHARED, ring, 0);
	CHECK(ring >= 0 && map != MAP_FAILED);
	CHECK(close(fd) == 0 && open_files_become(0));
	/* The channel is closed: its memory cannot be mapped again. */
	CHECK(map_fails(ring, 0, PAGE, RW, ENODEV));
	close(ring);
}

/* ---- guest memory ---- */

static char *
memory_map(int *fd, size_t bytes, unsigned int flags)
{
	char *map;

	*fd = memfd_create("packets", flags);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) < 0)
		return NULL;
	map = mmap(NULL, bytes, RW, MAP_SHARED | MAP_POPULATE, *fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

bool
host_finds(const void *addr, bool in_place, char byte)
{
	struct host_reply reply = ask(HOST_PAGE, (uintptr_t)addr);

	return reply.a == 1 && reply.b == in_place && reply.c == byte;
}

void
shared_memory_is_read_in_place(void)
{
	int fd = uio_open(0), memory;
	char *map = memory_map(&memory, 64 * PAGE, 0), *recv;

	CHECK(map);
	close(memory);
	map[5 * PAGE + 7] = 'x';
	CHECK(host_finds(map + 5 * PAGE + 7, true, 'x'));
	map[5 * PAGE + 7] = 'y';
	CHECK(host_finds(map + 5 * PAGE + 7, true, 'y'));
	CHECK(host_finds(map + 64 * PAGE - 1, true, 0));
	/* A frame may be sent from where it was received. */
	recv = uio_map(fd, 3, 31u << 20);
	recv[30u << 20] = 'z';
	CHECK(host_finds(recv + (30u << 20), true, 'z'));
}

void
unmapped_memory_is_let_go(void)
{
	int fd = uio_open(0), memory;
	char *map = memory_map(&memory, 8 * PAGE, 0);

	CHECK(map);
	map[0] = 'a';
	map[2 * PAGE] = 'b';
	map[4 * PAGE] = 'c';
	CHECK(host_finds(map, true, 'a'));
	CHECK(munmap(map + 2 * PAGE, PAGE) == 0);
	CHECK(ask(HOST_PAGE, (uintptr_t)map + 2 * PAGE).a == 0);
	CHECK(host_finds(map, true, 'a') && host_finds(map + 4 * PAGE, true, 'c'));
	CHECK(mmap(map, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == map);
	map[0] = 'p';
	CHECK(host_finds(map, false, 'p'));
	CHECK(munmap(map, 8 * PAGE) == 0);
	for (int i = 0; i < 8; i++)
		CHECK(ask(HOST_PAGE, (uintptr_t)map + (unsigned int)i * PAGE).a == 0);
	close(fd);
}

void
private_memory_is_copied(void)
{
	int fd = uio_open(0);
	char *map = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[0] = 'q';
	CHECK(host_finds(map, false, 'q'));
	CHECK(ask(HOST_PAGE, 0x1000).a == 0);
	CHECK(ask(HOST_PAGE, UINT64_MAX - 4095).a == 0);
	close(fd);
}

/* The parents of a daemon are gone; what they had told of is its own too. */
void
children_inherit_known_memory(void)
{
	int memory, ready[2], gate[2], status;
	char *map = memory_map(&memory, 4 * PAGE, 0), byte = 0;
	pid_t pid, grandchild;

	CHECK(map && pipe(ready) == 0 && pipe(gate) == 0);
	map[PAGE] = 'i';
	pid = fork();
	if (pid == 0) {
		grandchild = fork();
		if (grandchild > 0)
			_exit(0);
		CHECK(read(ready[0], &byte, 1) == 1);
		CHECK(uio_open(0) >= 0);
		CHECK(munmap(map, PAGE) == 0);
		byte = (char)(host_finds(map + PAGE, true, 'i') &&
			ask(HOST_PAGE, (uintptr_t)map).b == 0);
		CHECK(write(gate[1], &byte, 1) == 1);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(munmap(map, 4 * PAGE) == 0);
	CHECK(write(ready[1], &byte, 1) == 1);
	CHECK(read(gate[0], &byte, 1) == 1 && byte == 1);
}

static long
free_hugepages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	long pages = 0;

	if (f) {
		if (fscanf(f, "%ld", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return pages;
}

void
hugepages_are_free_after_munmap(void)
{
	long before = free_hugepages();
	int fd, memory;
	char *map;

	if (before < 2)
		return;         /* none on this machine */
	fd = uio_open(0);
	for (int i = 0; i < 3; i++) {
		map = memory_map(&memory, 2 * HUGE_BYTES, MFD_HUGETLB);
		CHECK(map);
		close(memory);
		map[HUGE_BYTES + 5] = 'h';
		CHECK(host_finds(map + HUGE_BYTES + 5, true, 'h'));
		CHECK(munmap(map + HUGE_BYTES, HUGE_BYTES) == 0);
		CHECK(host_finds(map, true, 0));
		CHECK(munmap(map, HUGE_BYTES) == 0);
		CHECK(free_hugepages() == before);
	}
	close(fd);
}

static uint64_t
physical(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)addr / PAGE * 8)) != 8)
		entry = 0;
	close(fd);
	return (entry & ((1ull << 55) - 1)) * PAGE;
}

void
physical_pages_are_found(void)
{
	int fd = uio_open(0), memory, second;
	char *map = memory_map(&memory, 16 * PAGE, 0), *huge;

	CHECK(map);
	if (physical(map) == 0)
		return;         /* not root */
	ask(HOST_PA, 1);
	for (int i = 0; i < 16; i++) {
		map[(unsigned int)i * PAGE] = (char)(i + 1);
		CHECK(ask(HOST_PAGE, physical(map + (unsigned int)i * PAGE)).c == i + 1);
	}
	CHECK(ask(HOST_PAGE, physical(map)).b == 1);
	if (free_hugepages() > 0) {
		huge = memory_map(&second, HUGE_BYTES, MFD_HUGETLB);
		CHECK(huge);
		huge[HUGE_BYTES - 1] = 'H';
		CHECK(ask(HOST_PAGE, physical(huge + HUGE_BYTES - 1) + PAGE - 1).c == 'H');
	}
	CHECK(ask(HOST_PAGE, 0).a == 0);
	close(fd);
}

void
shrunk_files_do_not_kill_the_host(void)
{
	int fd = uio_open(0), memory;
	char *map = memory_map(&memory, 16 * PAGE, 0);
	struct host_reply reply;

	CHECK(map);
	map[9 * PAGE] = 's';
	CHECK(host_finds(map + 9 * PAGE, true, 's'));
	CHECK(ftruncate(memory, PAGE) == 0);
	reply = ask(HOST_PAGE, (uintptr_t)map + 9 * PAGE);
	CHECK(reply.a == 0 || reply.c == 0);
	CHECK(host_finds(map, true, 0));
	close(fd);
}
