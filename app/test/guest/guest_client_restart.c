/* SPDX-License-Identifier: BSD-3-Clause */

/* The guest program's cases about a host that ends and is started again. */

#include "guest_client.h"

#define PAGE 4096u
#define RW (PROT_READ | PROT_WRITE)

void
restarted_host_is_found_and_the_old_one_stays_dead(void)
{
	int old = uio_open(0), old_ring, fd;
	int32_t value = 1;
	void *map;

	ask(HOST_SUBCHANNEL, 1);
	old_ring = open(ring_path(1), O_RDWR);
	map = mmap(NULL, PAGE, RW, MAP_SHARED, old, PAGE);
	CHECK(old_ring >= 0 && map != MAP_FAILED);
	ask(HOST_RESTART, 0);
	CHECK(becomes_readable(old) && read(old, &value, 4) < 0 && errno == EIO);

	fd = uio_open(0);
	CHECK(ask(HOST_STATE, 0).a == 1);
	ask(HOST_SUBCHANNEL, 1);
	CHECK(access(ring_path(1), R_OK | W_OK) == 0);
	CHECK(map_fails(old_ring, 0, PAGE, RW, ENODEV));
	CHECK(map_fails(old, PAGE, PAGE, RW, EINVAL));
	ask(HOST_INTERRUPT, 0);
	CHECK(becomes_readable(fd) && read(fd, &value, 4) == 4 && value == 1);
	CHECK(read(old, &value, 4) < 0 && errno == EIO);
	value = 0;
	CHECK(write(fd, &value, 4) == 4 && ask(HOST_MASK, 1).a == 1);
	value = 1;
	CHECK(write(old, &value, 4) < 0 && ask(HOST_MASK, 1).a == 1);

	CHECK(close(old) == 0 && munmap(map, PAGE) == 0 && close(old_ring) == 0);
	CHECK(ask(HOST_STATE, 0).a == 1);
	CHECK(close(fd) == 0 && open_files_become(0));
}

/* Nobody else's mapping comes there. */
static char *
nothing_map(char *at, size_t bytes, int flags)
{
	return mmap(at, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Three pieces of one file: of the first two the kernel makes one mapping, and the
 * third lacks a page in its middle. */
static char *
pieces_map(void)
{
	char *at = nothing_map(NULL, 16 * PAGE, 0);
	static const unsigned int first[] = { 0, 4, 10 };
	int fd = memfd_create("packets", 0);

	CHECK(at != MAP_FAILED && fd >= 0 && ftruncate(fd, 16 * PAGE) == 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(mmap(at + first[i] * PAGE, 4 * PAGE, RW, MAP_SHARED | MAP_FIXED, fd,
			(off_t)(first[i] * PAGE)) != MAP_FAILED);
	CHECK(nothing_map(at + 11 * PAGE, PAGE, MAP_FIXED) != MAP_FAILED && close(fd) == 0);
	for (unsigned int page = 0; page < 8; page++)
		at[page * PAGE] = (char)('a' + page);
	at[10 * PAGE] = 'k';
	at[12 * PAGE] = 'm';
	at[13 * PAGE] = 'n';
	return at;
}

static bool
pieces_found(const char *at)
{
	for (unsigned int page = 0; page < 8; page++)
		if (!host_finds(at + page * PAGE, true, (char)('a' + page)))
			return false;
	return host_finds(at + 10 * PAGE, true, 'k') && host_finds(at + 12 * PAGE, true, 'm') &&
		host_finds(at + 13 * PAGE, true, 'n') && !ask(HOST_PAGE, (uintptr_t)at + 11 * PAGE).a;
}

void
restarted_host_knows_the_memory_of_parent_and_child(void)
{
	char *at = pieces_map();
	int status, one = memfd_create("one", 0);
	pid_t pid;

	CHECK(one >= 0 && ftruncate(one, PAGE) == 0 && pieces_found(at));
	ask(HOST_RESTART, 0);
	CHECK(ask(HOST_PAGE, (uintptr_t)at).a == 0);
	close(uio_open(0));
	CHECK(pieces_found(at));
	/* The first that this one hears of is a mapping that is made. */
	ask(HOST_RESTART, 0);
	CHECK(mmap(at + 11 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, one, 0) != MAP_FAILED);
	CHECK(host_finds(at + 11 * PAGE, true, 0));
	CHECK(nothing_map(at + 11 * PAGE, PAGE, MAP_FIXED) != MAP_FAILED && pieces_found(at));
	/* The child is the first to say anything to this one. */
	ask(HOST_RESTART, 0);
	pid = fork();
	if (pid == 0)
		_exit(!pieces_found(at));
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}
