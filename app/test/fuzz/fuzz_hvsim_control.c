/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim's control half against a guest that is the input: NVSP messages and
 * RNDIS control messages in every state of every host profile. */

#include "fuzz.h"

#include "../vsp/control_fixture.h"

#define OPS_MAX 32u

static const char *const profiles[] = {
	"ws2008", "ws2008r2", "ws2012", "ws2012r2", "ws2016", "ws2019", "ws2022", "openvmm",
};

static void
acknowledge(void)
{
	for (unsigned int i = 0; i < host.nic->section_count && i < 64; i++)
		if (host.nic->sections != NULL && host.nic->sections[i].owner == RECV_GUEST)
			guest_ack((uint16_t)i);
}

static void
step(struct fuzz_input *in)
{
	static const uint16_t types[] = { VMBUS_PACKET_INBAND, VMBUS_PACKET_COMPLETION,
		VMBUS_PACKET_GPA_DIRECT, VMBUS_PACKET_TRANSFER_PAGES };
	uint8_t op = fuzz_u8(in);
	uint32_t bytes = op % 8 == 1 ? fuzz_u16(in) % 4096 : fuzz_u8(in);
	uint8_t *message;

	host_forget();
	if (op % 8 == 7) {
		host_reopen();
		return;
	}
	if (op % 8 == 6) {
		acknowledge();
		return;
	}
	message = fuzz_exact(in, &bytes);
	host.gather = message;
	host.gather_bytes = bytes;
	if (op % 8 == 5)
		guest_send_packet(0, types[op / 8 % 4], op / 32 % 2, message, bytes);
	else if (op % 8 == 4)
		guest_rndis_on(0, op / 8 % 3, message, bytes);
	else if (op % 8 >= 2)
		guest_send(0, message, bytes);
	else
		guest_rndis(message, bytes);
	host.gather = NULL;
	host.gather_bytes = 0;
	free(message);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t how = fuzz_u8(&in);
	enum stage stage = fuzz_u8(&in) % (AT_OPERATIONAL + 1);

	reach(profiles[how % 8], stage);
	for (unsigned int i = 0; i < OPS_MAX && in.left != 0; i++)
		step(&in);
	host_forget();
	host_stop();
	return 0;
}
