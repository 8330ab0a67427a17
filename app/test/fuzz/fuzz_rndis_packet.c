/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's decoder of RNDIS data messages and its walk over the per-packet
 * information. */

#include "fuzz.h"

#include "rndis_packet.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct rndis_rx_view view, again;
	struct rndis_rx_quick quick;
	uint32_t bytes = (uint32_t)size, sum = 0;
	uint8_t *range = fuzz_exact(&in, &bytes);
	int ret;

	memset(&view, 0xa5, sizeof(view));
	memset(&again, 0xa5, sizeof(again));
	ret = rndis_packet_decode(range, bytes, &view);
	fuzz_check(ret == 0 || ret == -EPROTO || ret == -ENOMSG);
	fuzz_check(rndis_packet_decode(range, bytes, &again) == ret);
	if (ret == 0) {
		fuzz_check(memcmp(&view, &again, sizeof(view)) == 0);
		fuzz_check(rndis_range_ok(view.frame_off, view.frame_bytes, bytes));
		fuzz_check(view.frame_off >= sizeof(struct rndis_packet));
		for (uint32_t i = 0; i < view.frame_bytes; i++)
			sum += range[view.frame_off + i];
		__asm__ volatile("" : : "r"(sum));
	}
	fuzz_check(!rndis_packet_quick(range, bytes, &quick) || (ret == 0 &&
		quick.frame_off == view.frame_off && quick.frame_bytes == view.frame_bytes &&
		(view.has & RNDIS_RX_PACKET_ID) == 0 &&
		(quick.has & 1) == (view.has & RNDIS_RX_CSUM) &&
		((quick.has & 1) == 0 || quick.info[RNDIS_PPI_CHECKSUM] == view.csum)));
	free(range);
	return 0;
}
