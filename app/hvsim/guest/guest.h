/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GUEST_H
#define HVSIM_GUEST_H

/*
 * Inside libhvsim-guest.so, which is preloaded into guest programs:
 *
 *   state.c    start, the one lock, fork
 *   real.c     libc's own functions
 *   path.c     which paths are hvsim's, and where they really are
 *   fds.c      what a descriptor of the program is; descriptors it must not see
 *   conn.c     the connection to hvsim
 *   sysfs.c    files of the tree: attributes, rings
 *   uio.c      /dev/uioN
 *   irq.c      its interrupt masks
 *   maps.c     mappings: of uio devices, and those hvsim is told of
 *   areas.c    what the kernel says of mappings
 *   stream.c   stdio on attributes and uio devices
 *   watch.c    inotify on the tree
 *   hooks_*.c  the functions that programs call instead of libc's
 *
 * Rules: nothing here calls malloc with the lock held; nothing calls a libc
 * function that this library replaces, but real.<name>. The library does not
 * work in static, setuid and raw-system-call programs. Under AddressSanitizer
 * libasan must come first: LD_PRELOAD="libasan.so libhvsim-guest.so".
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "conn.h"
#include "guest_proto.h"
#include "real.h"

#define EXPORT __attribute__((visibility("default")))

/* ---- state.c ---- */

/* True where hvsim's paths and descriptors are to be looked at: HVSIM_DIR is
 * set and the caller is not this library itself. */
bool guest_on(void);
/* Everything of this library is behind one lock; signals wait meanwhile, so a
 * handler may call anything. Recursive. */
void guest_lock(void);
void guest_unlock(void);
/* $HVSIM_DIR/root without symlinks, and its length. */
extern char guest_root[PATH_MAX];
extern size_t guest_root_len;
/* An O_PATH descriptor of $HVSIM_DIR. */
int guest_dir_open(void);
/* _Fork() runs no handlers of pthread_atfork(). */
void guest_before_fork(void);
void guest_after_fork_parent(void);
void guest_after_fork_child(void);

/* ---- path.c ---- */

enum path_kind {
	PATH_PLAIN,     /* not ours */
	PATH_TREE,      /* below the tree */
	PATH_UIO,       /* a /dev/uioN of hvsim */
	PATH_ABOVE,     /* a folder that leads to one of ours */
};

struct guest_path {
	enum path_kind kind;
	uint32_t uio;
	char virt[PATH_MAX];    /* as the program sees it, absolute; unset if PLAIN */
	char real[PATH_MAX];    /* PATH_TREE: where it is */
};

/* Says what path is, and returns the path to give to libc together with
 * *dirfd: path itself or p->real. */
const char *path_lookup(int *dirfd, const char *path, struct guest_path *p);
/* Maps a real absolute path below the tree back, in place. Returns false if
 * it is none. */
bool path_map_back(char *path);
/* Notes where the program's working directory is. */
void path_cwd_changed(const struct guest_path *p);
void path_cwd_init(void);
/* True if /dev/uio<number> is hvsim's. */
bool path_uio_exists(uint32_t number);

/* ---- fds.c ---- */

enum file_kind {
	FILE_HIDDEN,    /* this library's own: the program has no such descriptor */
	FILE_DIR,       /* a folder of the tree, or one above it */
	FILE_ATTR,
	FILE_RING,
	FILE_UIO,
};

#define CONTROL_PAGES_MAX 64u

struct uio_state {
	uint32_t number;
	uint64_t cookie;                /* of its socket */
	struct guest_uio_page *page;
	struct guest_uio_reply maps;
	int map_fds[GUEST_UIO_MAPS];    /* hidden; -1 once no descriptor is left */
	int keeper_fd;                  /* hidden duplicate while mappings live */
	int lock_fd;                    /* hidden; what flock() locks in its place */
	unsigned int mappings;
	void *primary_page;             /* control page, host-to-guest half */
	void *control[CONTROL_PAGES_MAX];
	unsigned int control_count;
	uint32_t control_epoch;
	bool control_valid;
};

struct guest_file {
	enum file_kind kind;
	uint32_t refs;                  /* slots, mappings, calls under way */
	uint32_t slots;                 /* descriptors of this process */
	int flags;                      /* of open(): the access mode counts */
	bool fresh;                     /* FILE_ATTR: refreshed and not read yet */
	int read_error;                 /* FILE_ATTR: what read() returns, 0 or errno */
	char path[GUEST_PATH_MAX];      /* as the program sees it, canonical */
	struct uio_state uio;
	struct guest_file *next_free;
};

/* The file behind a descriptor with a reference, or NULL: an ordinary one. */
struct guest_file *fds_get(int fd);
void fds_put(struct guest_file *file);
/* True if the descriptor needs a look at all; cheap. */
bool fds_special(int fd);
/* A new file with one reference, or NULL. */
struct guest_file *fds_file_new(enum file_kind kind, int flags, const char *path);
/* Binds the descriptor to the file (NULL: an ordinary one), dropping what it was. */
void fds_set(int fd, struct guest_file *file);
/* Moves fd out of the program's sight; *where follows it. The lock is held.
 * Returns 0, or -errno with fd closed. */
int fds_hide(int *where, int fd);
void fds_hidden_close(int *where);
/* The number is kept in another place from now on. */
void fds_hidden_rename(int *from, int *to);
/* The program wants the number of a hidden descriptor. */
void fds_hidden_move(int fd);
/* The lowest descriptor in [first, last] that fds_special() is true of, or -1. */
int fds_next(unsigned int first, unsigned int last);
/* The lowest hidden descriptor in [first, last], or -1. */
int fds_next_hidden(int first, int last);

/* ---- sysfs.c ---- */

int sysfs_open(const struct guest_path *p, int flags, mode_t mode);
ssize_t sysfs_write(struct guest_file *file, const void *data, size_t bytes);
/* Before a read at this offset: hvsim brings the attribute up to date. Returns
 * 0 or -errno. */
int sysfs_before_read(struct guest_file *file, off_t offset);
void *sysfs_ring_mmap(struct guest_file *file, const struct map_request *req);
/* Descriptors that came over exec. */
void sysfs_adopt(void);

/* ---- uio.c ---- */

int uio_open(uint32_t number, int flags);
/* A descriptor that came over exec, if it is a uio device's. */
void uio_adopt(int fd);
ssize_t uio_read(struct guest_file *file, int fd, const struct iovec *iov, int count);
ssize_t uio_write(struct guest_file *file, int fd, const struct iovec *iov, int count);
void uio_stat(uint32_t number, struct stat *st);
void uio_statx(uint32_t number, struct statx *stx);
void uio_file_init(struct guest_file *file);
/* No descriptor is left; no reference is left. */
void uio_last_slot(struct guest_file *file);
void uio_free(struct guest_file *file);
int uio_flock(struct guest_file *file, int operation);
void *uio_mmap(struct guest_file *file, int fd, const struct map_request *req);

/* ---- irq.c ---- */

/* The control page of a ring memory's second half, host to guest; or NULL. */
void *irq_page_map(int fd, uint64_t offset, uint64_t bytes);
void irq_pages_forget(struct uio_state *uio);
/* The kernel's irqcontrol(). */
void irq_control(struct uio_state *uio, bool enable);

/* ---- maps.c ---- */

struct map_note {
	struct guest_file *file;        /* FILE_UIO, or NULL */
	uint32_t map;                   /* FILE_UIO: which */
	bool told;                      /* hvsim knows of it */
};

void *maps_mmap(const struct map_request *req);
int maps_munmap(void *addr, size_t bytes);
void *maps_mremap(const struct remap_request *req);
/* Remembers a mapping that was just made. The lock is held. */
void maps_note(void *addr, size_t bytes, const struct map_note *note);
/* Maps, taking back what is replaced. The lock is held. */
void *maps_replace(const struct map_request *req, int fd, off_t offset);
int maps_tell(const void *addr, size_t bytes, const struct map_request *req, int fd);
/* After fork: true if hvsim knows of mappings that this child has too. */
bool maps_any_told(void);
/* After fork, connected: what a child has to say anew. The lock is held. */
void maps_forked(void);
/* Says anew, by `tell`, what memory hvsim was told of, where that can be opened:
 * else it is copied. The lock is held. Returns 0, or what `tell` failed with. */
int maps_tell_again(int (*tell)(const struct conn_message *message));

/* ---- areas.c ---- */

struct area {
	uintptr_t start, end;
	uint64_t offset;                /* in its file */
};

/* Calls `each` for every mapping of this process until that returns an error, and
 * returns that, or 0. The lock is held. */
int areas_walk(int (*each)(const struct area *area, void *arg), void *arg);
/* Opens what is mapped there, which needs CAP_CHECKPOINT_RESTORE. Returns a
 * descriptor or -errno. */
int area_open(const struct area *area);

/* ---- stream.c ---- */

struct _IO_FILE *stream_open(const struct guest_path *p, const char *mode);
/* stdio on a descriptor of ours, or NULL if an ordinary one will do. */
struct _IO_FILE *stream_attach(int fd, const char *mode);
/* The descriptor of a stream made here, or -1. */
int stream_fileno(struct _IO_FILE *stream);
void stream_closed(struct _IO_FILE *stream);
/* The program has put an attribute in the place of its standard output. */
void stream_stdout_replaced(bool special);

/* ---- watch.c ---- */

int watch_add(int inotify_fd, const struct guest_path *p, uint32_t mask);

#endif /* HVSIM_GUEST_H */
