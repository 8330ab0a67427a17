/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_CONSOLE_H
#define HVSIM_VMM_CONSOLE_H

/* The far ends of the UARTs: hvsim's own terminal for COM1, a command for
 * COM2. */

#include "internal.h"

/* Standard input goes to COM1 from now on; a terminal becomes raw, and Ctrl-A x
 * ends the run. */
void console_start(struct vmm *vmm);
void console_stop(struct vmm *vmm);
/* Runs the command of COM2, if there is one. Returns 0 or -errno. */
int console_com2_start(struct vmm *vmm);
/* Output that waits for its end of line is written; input that found no room
 * is read again. */
void console_round(struct vmm *vmm);

#endif /* HVSIM_VMM_CONSOLE_H */
