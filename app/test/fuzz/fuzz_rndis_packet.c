/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's decoder of RNDIS data messages and its walk over the per-packet
 * information. */

#include "fuzz.h"

#include "rndis_packet.h"

/* What the quick decoder takes, as the careful one sees it. */
static void
check_quick(const uint8_t *range, const struct rndis_rx_layout *layout,
	const struct rndis_rx_quick *quick, const struct rndis_rx_view *view)
{
	fuzz_check(quick->frame_off == view->frame_off && quick->frame_bytes == view->frame_bytes);
	fuzz_check((view->has & RNDIS_RX_PACKET_ID) == 0);
	fuzz_check((quick->has & 1) == (view->has & RNDIS_RX_CSUM));
	fuzz_check((quick->has & 1) == 0 ||
		rndis_quick_value(layout, range, RNDIS_PPI_CHECKSUM) == view->csum);
	fuzz_check((quick->has >> RNDIS_PPI_HASH_VALUE & 1) == 0 ||
		rndis_quick_value(layout, range, RNDIS_PPI_HASH_VALUE) == view->hash_value);
}

/* The quick decoder that has seen other messages: what it takes, and makes of it, is
 * what one makes of it that has seen none. */
static bool
quick_once(const uint8_t *range, uint32_t bytes, struct rndis_rx_layout *layout)
{
	struct rndis_rx_layout none = { 0 };
	struct rndis_rx_quick quick = { 0 }, fresh = { 0 };
	struct rndis_rx_view view;
	bool taken = rndis_packet_quick(range, bytes, layout, &quick);

	fuzz_check(taken == rndis_packet_quick(range, bytes, &none, &fresh));
	if (!taken)
		return false;
	fuzz_check(quick.has == fresh.has);
	fuzz_check(rndis_packet_decode(range, bytes, &view) == 0);
	check_quick(range, layout, &quick, &view);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct rndis_rx_view view, again;
	struct rndis_rx_layout layout = { 0 };
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
	/* Before each message with a bit flipped, the message itself: some bits, so that
	 * there is time for many messages. */
	for (uint32_t i = size % 8; i < 8 * 128 && i < 8 * bytes && quick_once(range, bytes, &layout);
	     i += 31) {
		range[i / 8] ^= (uint8_t)(1u << i % 8);
		quick_once(range, bytes, &layout);
		range[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	free(range);
	return 0;
}
