/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TRAP_H
#define TRAP_H

/*
 * Memory of which every single access is seen, and may be forestalled: its pages
 * are closed, an access faults, and is let through alone (the processor's trap
 * flag), after the test had its say. So what is judged is the driver's object
 * code as it is, with whatever loads the compiler made of its copies; nothing of
 * this is compiled into it. One thread; x86-64 only.
 */

#include <stdbool.h>
#include <stdint.h>

#define TRAP_AREAS_MAX 4u

/* Called in a signal handler, with all areas open, before an access that begins
 * at `at`. An instruction that takes 32 bytes is one access. */
typedef void (*trap_call)(uint8_t *at, bool write);

/* Watches areas of whole pages from now on; the calls may be NULL. `after` is
 * called when the access is done, with the same arguments. */
void trap_watch(unsigned int area, void *base, uint32_t bytes);
void trap_start(trap_call before, trap_call after);
/* From `after`: nothing more is to be seen. */
void trap_enough(void);
/* Forgets the areas, too. */
void trap_stop(void);

/* Between the two nothing is seen: the host acts. They nest. */
void trap_pause(void);
void trap_resume(void);

#endif /* TRAP_H */
