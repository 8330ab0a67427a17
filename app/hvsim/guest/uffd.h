/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_GUEST_UFFD_H
#define HVSIM_GUEST_UFFD_H

#include <stddef.h>

/* Makes a userfaultfd that can write-protect [addr, addr + bytes), a shared
 * mapping of this process with page bounds. Returns the descriptor, to be sent
 * with GUEST_UFFD and closed then: a process that keeps it would wait for
 * itself should hvsim die. Returns -errno where the kernel or a sandbox does
 * not allow it. Uses raw system calls only. */
int guest_uffd_register(void *addr, size_t bytes);

#endif /* HVSIM_GUEST_UFFD_H */
