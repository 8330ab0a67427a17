/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ring memory that the guest's kernel takes back after a rescind. A guest that
 * still touches it then gets a signal; but not one that could not know yet: a
 * thread that waits for a processor in the middle of a burst. So it lasts until
 * every thread of the guest has passed twice - once to notice the rescind, once
 * to leave what it was at - where a thread has passed when it is seen asleep, or
 * has run for longer than any burst takes. (Subchannels' rings, which are mapped
 * from sysfs, go at once: device.c.)
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/log.h"
#include "internal.h"
#include "server.h"

#define LOOK_NS 10000000u
/* It stays at least this long after the rescind ... */
#define REVOKE_NS 50000000u
/* ... and at most so long, whatever a stopped guest does. */
#define REVOKE_LAST_NS 10000000000u
#define PASSES 2u
/* In ticks of the kernel's clock, 100 a second. */
#define RUN_TICKS 3u

struct grave {
	struct grave *next;
	struct shm shm;
	uint64_t since_ns;
	unsigned int passes;            /* still to be awaited */
};

struct thread {
	pid_t pid, tid;
	uint64_t ticks;                 /* it had run when the pass began */
};

struct kern_graves {
	struct kern_vm *vm;
	struct grave *first;
	struct engine_timer timer;
	struct thread *threads;         /* that have not passed yet */
	unsigned int count, room;
	bool passing;                   /* a pass is under way */
};

/* ---- threads ---- */

/* Returns how long a thread has run, in ticks; `asleep` also for one that has
 * ended. */
static uint64_t
thread_look(pid_t pid, pid_t tid, bool *asleep)
{
	unsigned long long user = 0, system = 0;
	char path[64], line[512], state = 'X';
	const char *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
	file = fopen(path, "re");
	if (file != NULL) {
		/* The name may hold anything, also parentheses. */
		end = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;
		if (end != NULL && sscanf(end, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu"
				" %llu", &state, &user, &system) != 3)
			state = 'X';
		fclose(file);
	}
	*asleep = strchr("SIZX", state) != NULL;
	return user + system;
}

static void
thread_add(struct kern_graves *graves, pid_t pid, pid_t tid)
{
	struct thread *more;
	bool asleep;

	if (graves->count == graves->room) {
		more = realloc(graves->threads, (graves->room + 16) * sizeof(*more));
		if (more == NULL)       /* then this one is not waited for */
			return;
		graves->threads = more;
		graves->room += 16;
	}
	graves->threads[graves->count++] = (struct thread) {
		.pid = pid, .tid = tid, .ticks = thread_look(pid, tid, &asleep),
	};
}

static void
process_add(struct kern_graves *graves, pid_t pid)
{
	struct dirent *entry;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			thread_add(graves, pid, (pid_t)strtol(entry->d_name, NULL, 10));
	if (dir != NULL)
		closedir(dir);
}

/* Forgets those that have passed; true when none is left. */
static bool
all_passed(struct kern_graves *graves)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < graves->count; i++) {
		const struct thread *t = &graves->threads[i];
		bool asleep;
		uint64_t ticks = thread_look(t->pid, t->tid, &asleep);

		if (!asleep && ticks < t->ticks + RUN_TICKS)
			graves->threads[left++] = *t;
	}
	graves->count = left;
	return left == 0;
}

/* ---- graves ---- */

static bool
grave_due(const struct grave *grave)
{
	uint64_t age_ns = engine_now_ns() - grave->since_ns;

	return age_ns >= REVOKE_LAST_NS || (age_ns >= REVOKE_NS && grave->passes == 0);
}

static void
grave_free(struct grave *grave)
{
	shm_end(&grave->shm);
	free(grave);
}

static void
pass_begin(struct kern_graves *graves)
{
	graves->count = 0;
	for (const struct kern_process *p = graves->vm->processes; p != NULL; p = p->next)
		if (p->greeted)
			process_add(graves, p->pid);
	graves->passing = true;
}

static void
on_look(void *arg)
{
	struct kern_graves *graves = arg;
	struct grave **link = &graves->first;

	if (graves->passing && all_passed(graves)) {
		for (struct grave *g = graves->first; g != NULL; g = g->next)
			g->passes -= g->passes > 0;
		graves->passing = false;
	}
	while (*link != NULL) {
		struct grave *grave = *link;

		if (grave_due(grave)) {
			*link = grave->next;
			grave_free(grave);
		} else {
			link = &grave->next;
		}
	}
	if (graves->first == NULL) {
		graves->passing = false;
		return;
	}
	if (!graves->passing)
		pass_begin(graves);
	engine_timer_arm(&graves->timer, engine_now_ns() + LOOK_NS, on_look, graves);
}

static struct kern_graves *
graves_of(struct kern_vm *vm)
{
	if (vm->graves == NULL) {
		vm->graves = calloc(1, sizeof(*vm->graves));
		if (vm->graves != NULL)
			vm->graves->vm = vm;
	}
	return vm->graves;
}

void
grave_bury(struct kern_vm *vm, struct shm *shm)
{
	struct kern_graves *graves = graves_of(vm);
	struct grave *grave = calloc(1, sizeof(*grave));

	shm_unmap(shm);
	if (graves == NULL || grave == NULL || shm->bytes == 0 || shm->fd < 0) {
		free(grave);
		shm_end(shm);
		return;
	}
	*grave = (struct grave) {
		.shm = *shm, .since_ns = engine_now_ns(), .next = graves->first,
		/* The pass under way began before. */
		.passes = PASSES + graves->passing,
	};
	if (graves->first == NULL)
		engine_timer_arm(&graves->timer, engine_now_ns() + LOOK_NS, on_look, graves);
	graves->first = grave;
	*shm = (struct shm) { .fd = -1 };
}

void
graves_destroy(struct kern_vm *vm)
{
	struct kern_graves *graves = vm->graves;

	if (graves == NULL)
		return;
	engine_timer_cancel(&graves->timer);
	while (graves->first != NULL) {
		struct grave *grave = graves->first;

		graves->first = grave->next;
		grave_free(grave);
	}
	free(graves->threads);
	free(graves);
	vm->graves = NULL;
}
