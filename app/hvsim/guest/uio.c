/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/uioN. The descriptor is a connection to hvsim, so poll, epoll and
 * select work on it by themselves and the last close anywhere is the device's
 * release. What a socket does otherwise than a uio device is done here: reads
 * of the event count, interrupt masks stored before write() returns, maps.
 */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../drivers/bus/vmbus/uio_layout.h"
#include "../../../drivers/bus/vmbus/vmbus_wire.h"
#include "guest.h"

#define UIO_PAGE_BYTES 4096u
#define UIO_INODE_BASE 0x68760000u
#define KICK_WAIT_MS 1

void
uio_file_init(struct guest_file *file)
{
	memset(&file->uio, 0, sizeof(file->uio));
	file->uio.keeper_fd = -1;
	file->uio.lock_fd = -1;
	for (unsigned int i = 0; i < GUEST_UIO_MAPS; i++)
		file->uio.map_fds[i] = -1;
}

/* ---- open ---- */

/* What the program's EAL uses as IOVA, if it has one: 1 PA, 0 VA, 2 unknown. */
static uint32_t
eal_iova(void)
{
	int (*mode)(void);
	void *symbol = dlsym(RTLD_DEFAULT, "rte_eal_iova_mode");
	int found;

	if (!symbol)
		return 2;
	memcpy(&mode, &symbol, sizeof(mode));
	found = mode();         /* enum rte_iova_mode: 1 PA, 2 VA */
	return found == 1 ? 1 : found == 2 ? 0 : 2;
}

/* Takes the reply's descriptors over. */
static int
uio_attach(struct guest_file *file, struct conn_reply *reply)
{
	struct uio_state *uio = &file->uio;
	int ret = 0;

	if (reply->fd_count != GUEST_UIO_MAPS + 1 || reply->bytes != sizeof(uio->maps))
		return -EPROTO;
	uio->maps = reply->body.uio;
	uio->page = real.mmap(NULL, UIO_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		reply->fds[0], 0);
	if (uio->page == MAP_FAILED) {
		uio->page = NULL;
		return -ENOMEM;
	}
	uio->primary_page = irq_page_map(reply->fds[1 + UIO_MAP_RINGS],
		uio->maps.map_offset[UIO_MAP_RINGS], uio->maps.map_bytes[UIO_MAP_RINGS]);
	guest_lock();
	for (unsigned int i = 0; i < GUEST_UIO_MAPS && ret == 0; i++) {
		ret = fds_hide(&uio->map_fds[i], reply->fds[1 + i]);
		reply->fds[1 + i] = -1;
	}
	guest_unlock();
	return ret;
}

/* From here on it is the program's: it waits for ever, if it wants to. */
static int
uio_descriptor(int fd, int flags)
{
	struct timeval forever = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &forever, sizeof(forever));
	if ((flags & O_NONBLOCK) && real.fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (!(flags & O_CLOEXEC) && real.fcntl(fd, F_SETFD, 0) < 0)
		return -errno;
	return 0;
}

static uint64_t
socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &bytes);
	return cookie;
}

static int
uio_connect(struct guest_file *file, int flags)
{
	struct guest_hello hello = {
		.version = GUEST_PROTO_VERSION,
		.uio = file->uio.number,
		.iova_pa = eal_iova(),
		.page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
	};
	struct conn_message message = {
		.op = GUEST_HELLO_UIO, .payload = &hello, .payload_bytes = sizeof(hello), .fd = -1,
	};
	struct conn_reply reply;
	int fd = conn_socket();
	int ret;

	if (fd < 0)
		return -ENODEV;
	hello.cookie = file->uio.cookie = socket_cookie(fd);
	ret = conn_exchange(fd, &message, &reply);
	if (ret == 0)
		ret = uio_attach(file, &reply);
	if (ret == 0)
		ret = uio_descriptor(fd, flags);
	conn_reply_close(&reply);
	if (ret < 0) {
		real.close(fd);
		return ret == -ETIMEDOUT ? -EIO : ret == -EPIPE ? -ENODEV : ret;
	}
	return fd;
}

/* True if the descriptor is a connection to hvsim. */
static bool
is_connection(int fd)
{
	struct sockaddr_un addr = { 0 };
	socklen_t bytes = sizeof(addr);
	size_t length;

	if (getpeername(fd, (struct sockaddr *)&addr, &bytes) < 0 || addr.sun_family != AF_UNIX)
		return false;
	length = strnlen(addr.sun_path, sizeof(addr.sun_path));
	/* As hvsim has bound it: below a descriptor of the folder. */
	return length > 5 && strncmp(addr.sun_path, "/proc/self/fd/", 14) == 0 &&
		memcmp(addr.sun_path + length - 5, "/sock", 5) == 0;
}

/* Copies of one descriptor are one file here too. */
static struct guest_file *
adopted_before(uint64_t cookie)
{
	for (int fd = fds_next(0, INT_MAX); fd >= 0; fd = fds_next((unsigned int)fd + 1, INT_MAX)) {
		struct guest_file *file = fds_get(fd);

		if (file && file->kind == FILE_UIO && socket_cookie(fd) == cookie)
			return file;
		if (file)
			fds_put(file);
	}
	return NULL;
}

void
uio_adopt(int fd)
{
	uint64_t cookie = socket_cookie(fd);
	struct conn_message message = {
		.op = GUEST_UIO_ADOPT, .payload = &cookie, .payload_bytes = sizeof(cookie), .fd = -1,
	};
	struct conn_reply reply;
	struct guest_file *file;
	int ret;

	if (!is_connection(fd))
		return;
	file = adopted_before(cookie);
	if (!file) {
		file = fds_file_new(FILE_UIO, O_RDWR, NULL);
		if (!file)
			return;
		guest_lock();
		ret = conn_request(&message, &reply);
		guest_unlock();
		if (ret == 0)
			ret = uio_attach(file, &reply);
		conn_reply_close(&reply);
		if (ret < 0) {
			fds_put(file);
			return;
		}
		file->uio.number = file->uio.maps.uio;
		file->uio.cookie = cookie;
	}
	fds_set(fd, file);
	fds_put(file);
}

int
uio_open(uint32_t number, int flags)
{
	struct guest_file *file;
	int fd;

	if (flags & O_DIRECTORY) {
		errno = ENOTDIR;
		return -1;
	}
	/* Also makes this process known, whose memory the device will read. */
	if (conn_current() < 0) {
		errno = ENODEV;
		return -1;
	}
	file = fds_file_new(FILE_UIO, flags, NULL);
	if (!file) {
		errno = ENOMEM;
		return -1;
	}
	file->uio.number = number;
	fd = uio_connect(file, flags);
	if (fd >= 0)
		fds_set(fd, file);
	fds_put(file);
	if (fd < 0) {
		errno = -fd;
		return -1;
	}
	return fd;
}

void
uio_last_slot(struct guest_file *file)
{
	guest_lock();
	for (unsigned int i = 0; i < GUEST_UIO_MAPS; i++)
		fds_hidden_close(&file->uio.map_fds[i]);
	guest_unlock();
}

void
uio_free(struct guest_file *file)
{
	struct uio_state *uio = &file->uio;

	guest_lock();
	uio_last_slot(file);
	fds_hidden_close(&uio->keeper_fd);
	fds_hidden_close(&uio->lock_fd);
	irq_pages_forget(uio);
	if (uio->primary_page)
		real.munmap(uio->primary_page, HV_PAGE_BYTES);
	if (uio->page)
		real.munmap(uio->page, UIO_PAGE_BYTES);
	guest_unlock();
}

/* ---- read and write ---- */

static ssize_t
fail(int error)
{
	errno = error;
	return -1;
}

static bool
uio_is_gone(const struct uio_state *uio)
{
	return __atomic_load_n(&uio->page->gone, __ATOMIC_SEQ_CST) != 0;
}

/* Takes one kick. Returns 1, 0 if hvsim is gone, -1 with errno. One that was killed
 * could not say that its devices are gone. */
static ssize_t
kick_take(struct uio_state *uio, int fd, int flags)
{
	uint8_t byte;
	ssize_t bytes = recv(fd, &byte, sizeof(byte), flags);

	if (bytes > 0)
		__atomic_store_n(&uio->page->kick_pending, 0, __ATOMIC_SEQ_CST);
	if (bytes < 0 && errno == ECONNRESET)
		bytes = 0;
	if (bytes == 0)
		__atomic_store_n(&uio->page->gone, 1, __ATOMIC_SEQ_CST);
	return bytes;
}

/* Takes the kicks of events that are counted by now, so that poll() does not
 * report them again: one may still be between its count and its byte. */
static int
kicks_settle(struct uio_state *uio, int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	bool waited = false;

	for (;;) {
		ssize_t ret = kick_take(uio, fd, MSG_DONTWAIT);

		if (ret == 0)
			return -EIO;
		if (ret > 0)
			continue;
		if (waited || !__atomic_load_n(&uio->page->kick_pending, __ATOMIC_SEQ_CST))
			return 0;
		poll(&pfd, 1, KICK_WAIT_MS);
		waited = true;
	}
}

/* Returns true with the new count if it differs from the last one read. */
static bool
count_take(struct uio_state *uio, int fd, uint32_t *count)
{
	uint32_t seen = __atomic_load_n(&uio->page->seen_count, __ATOMIC_SEQ_CST);

	*count = __atomic_load_n(&uio->page->event_count, __ATOMIC_SEQ_CST);
	if (*count == seen)
		return false;
	kicks_settle(uio, fd);
	*count = __atomic_load_n(&uio->page->event_count, __ATOMIC_SEQ_CST);
	__atomic_store_n(&uio->page->seen_count, *count, __ATOMIC_SEQ_CST);
	return true;
}

static ssize_t
read_one(struct guest_file *file, int fd, void *buffer, size_t bytes)
{
	struct uio_state *uio = &file->uio;
	uint32_t events;

	if ((file->flags & O_ACCMODE) == O_WRONLY)
		return fail(EBADF);
	if (bytes != sizeof(events))
		return fail(EINVAL);
	if (uio_is_gone(uio))
		return fail(EIO);
	while (!count_take(uio, fd, &events)) {
		ssize_t ret = kick_take(uio, fd, 0);

		if (ret == 0 || uio_is_gone(uio))
			return fail(EIO);
		if (ret < 0)
			return -1;
	}
	if (uio_is_gone(uio))
		return fail(EIO);
	memcpy(buffer, &events, sizeof(events));
	return sizeof(events);
}

/* EINVAL once the device is gone: an error of its own, unlike read()'s. */
static ssize_t
write_one(struct guest_file *file, int fd, void *buffer, size_t bytes)
{
	struct uio_state *uio = &file->uio;
	int32_t value;
	uint8_t byte;

	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return fail(EBADF);
	if (bytes != sizeof(value) || uio_is_gone(uio))
		return fail(EINVAL);
	memcpy(&value, buffer, sizeof(value));
	irq_control(uio, value != 0);
	byte = value != 0;
	/* Kicks coalesce: where the queue is full, hvsim will look anyway. */
	if (send(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		return fail(EIO);
	return sizeof(value);
}

typedef ssize_t piece_call(struct guest_file *file, int fd, void *buffer, size_t bytes);

/* A kernel gives each piece to the device as a call of its own, until one fails. */
static ssize_t
each_piece(struct guest_file *file, int fd, const struct iovec *iov, int count, piece_call *call)
{
	ssize_t done = 0;

	for (int i = 0; i < count; i++) {
		ssize_t ret = call(file, fd, iov[i].iov_base, iov[i].iov_len);

		if (ret < 0)
			return done > 0 ? done : ret;
		done += ret;
	}
	return done;
}

ssize_t
uio_read(struct guest_file *file, int fd, const struct iovec *iov, int count)
{
	return each_piece(file, fd, iov, count, read_one);
}

ssize_t
uio_write(struct guest_file *file, int fd, const struct iovec *iov, int count)
{
	return each_piece(file, fd, iov, count, write_one);
}

/* ---- stat ---- */

static dev_t
uio_rdev(uint32_t number)
{
	struct guest_hello_reply hello;

	if (conn_hello(&hello) < 0)
		hello.uio_major = 0;
	return makedev(hello.uio_major, number);
}

void
uio_stat(uint32_t number, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFCHR | 0600;
	st->st_rdev = uio_rdev(number);
	st->st_ino = UIO_INODE_BASE + number;
	st->st_nlink = 1;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	st->st_blksize = 4096;
}

void
uio_statx(uint32_t number, struct statx *stx)
{
	struct stat st;

	uio_stat(number, &st);
	memset(stx, 0, sizeof(*stx));
	stx->stx_mask = STATX_BASIC_STATS;
	stx->stx_mode = (uint16_t)st.st_mode;
	stx->stx_ino = st.st_ino;
	stx->stx_nlink = 1;
	stx->stx_uid = st.st_uid;
	stx->stx_gid = st.st_gid;
	stx->stx_blksize = 4096;
	stx->stx_rdev_major = major(st.st_rdev);
	stx->stx_rdev_minor = minor(st.st_rdev);
}

/* ---- locks ---- */

/* All openers of a device have the same memory behind its rings: that is locked
 * in the place of the device, through an open file of our own. */
static int
lock_open(struct uio_state *uio)
{
	char path[64];
	int fd;

	if (uio->lock_fd >= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", uio->map_fds[UIO_MAP_RINGS]);
	fd = real.openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fds_hide(&uio->lock_fd, fd);
}

int
uio_flock(struct guest_file *file, int operation)
{
	int ret;

	guest_lock();
	ret = lock_open(&file->uio);
	guest_unlock();
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return real.flock(file->uio.lock_fd, operation);
}

/* ---- maps ---- */

/* Which map is meant, or -errno as uio_mmap() of the kernel has it. */
static int
map_index(const struct guest_file *file, const struct map_request *req)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t index = (uint64_t)req->offset / page;
	uint64_t pages = (req->bytes + page - 1) / page;
	int access = file->flags & O_ACCMODE;
	bool shared = (req->flags & MAP_TYPE) != MAP_PRIVATE;

	if (access == O_WRONLY ||
			(access == O_RDONLY && shared && (req->prot & PROT_WRITE)))
		return -EACCES;
	if ((uint64_t)req->offset % page != 0 || index >= file->uio.maps.maps ||
			index >= GUEST_UIO_MAPS || req->bytes == 0)
		return -EINVAL;
	if (pages > (file->uio.maps.map_bytes[index] + page - 1) / page)
		return -EINVAL;
	return uio_is_gone(&file->uio) ? -EINVAL : (int)index;
}

/* A descriptor that lives as long as mappings do: the open file with it. */
static int
keeper_make(struct guest_file *file, int fd)
{
	int copy;

	if (file->uio.keeper_fd >= 0)
		return 0;
	copy = real.fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy < 0 ? -errno : fds_hide(&file->uio.keeper_fd, copy);
}

/* Packets may lie in the receive and send buffers too. */
static bool
map_tell(struct guest_file *file, void *addr, const struct map_request *req, int index)
{
	const struct uio_state *uio = &file->uio;
	struct map_request at = *req;

	if (index != UIO_MAP_RECV_BUFFER && index != UIO_MAP_SEND_BUFFER)
		return false;
	at.offset = (off_t)uio->maps.map_offset[index];
	return maps_tell(addr, req->bytes, &at, uio->map_fds[index]) == 0;
}

void *
uio_mmap(struct guest_file *file, int fd, const struct map_request *req)
{
	struct uio_state *uio = &file->uio;
	struct map_note note = { .file = file };
	int index = map_index(file, req);
	void *addr = MAP_FAILED;
	int ret = index;

	guest_lock();
	if (ret >= 0)
		ret = keeper_make(file, fd);
	if (ret == 0) {
		addr = maps_replace(req, uio->map_fds[index],
			(off_t)uio->maps.map_offset[index]);
		ret = addr == MAP_FAILED ? -errno : 0;
	}
	if (ret == 0) {
		note.map = (uint32_t)index;
		note.told = map_tell(file, addr, req, index);
		maps_note(addr, req->bytes, &note);
	}
	if (uio->mappings == 0)
		fds_hidden_close(&uio->keeper_fd);
	guest_unlock();
	if (ret < 0)
		errno = -ret;
	return addr;
}
