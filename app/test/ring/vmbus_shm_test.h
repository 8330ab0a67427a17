/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VMBUS_SHM_TEST_H
#define VMBUS_SHM_TEST_H

/* What takes the place of the accessors of vmbus_shm.h, and of the copies to
 * and from the data area in the sources that include it: the model. */

#include "model.h"

#define vmbus_shm_load_relaxed(word) model_load((word), MODEL_SITE(MODEL_LOAD_RELAXED))
#define vmbus_shm_load_acquire(word) model_load((word), MODEL_SITE(MODEL_LOAD_ACQUIRE))
#define vmbus_shm_store_relaxed(word, value) \
	model_store((word), (value), MODEL_SITE(MODEL_STORE_RELAXED))
#define vmbus_shm_store_release(word, value) \
	model_store((word), (value), MODEL_SITE(MODEL_STORE_RELEASE))
#define vmbus_shm_fence() model_fence(MODEL_SITE(MODEL_FENCE))
#define vmbus_shm_set_bits(word, bits) \
	((void)model_update((word), (bits), 0, MODEL_SITE(MODEL_RMW_SEQ_CST)))

#define memcpy(dst, src, bytes) model_copy((dst), (src), (bytes))
#define memset(dst, value, bytes) model_fill((dst), (value), (bytes))

#endif /* VMBUS_SHM_TEST_H */
