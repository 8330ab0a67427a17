/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETVSC_BORROW_H
#define NETVSC_BORROW_H

/*
 * Frames that one port lent (netvsc_lease.h) and another sends as page lists: the
 * other port's host reads them in the receive buffer of the first. Before that is
 * given up it must be done with them, for what comes to lie there then is not what
 * was to be sent.
 *
 * It knows the ports of this process whose links are open. A port's own frames are
 * not its business: closing the channel ends what its own host does with them.
 */

#include "netvsc.h"

/* The link is open, with these channels; it, or its list of channels, is about to
 * change: waits for whoever is looking at them. Under the control lock. */
void netvsc_borrow_enter(struct netvsc_device *dev);
void netvsc_borrow_leave(struct netvsc_device *dev);

/*
 * Waits, bounded by a second, until no host but the one of `dev` may read what lies
 * in these bytes; who sends from there later must copy (netvsc_lease_stale()). Takes
 * the other ports' completions from their rings meanwhile, in case nobody polls them.
 * True if one may still read after that. With dev's control lock, with no channel's.
 */
bool netvsc_borrow_wait(const struct netvsc_device *dev, const void *addr, uint64_t bytes);

#endif /* NETVSC_BORROW_H */
