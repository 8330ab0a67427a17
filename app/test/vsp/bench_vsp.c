/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the host's data path costs: one queue, an echoing switch, a guest that
 * sends FRAMES_PER_MESSAGE frames a message and completes what it receives.
 * Prints the cycles and, where the kernel allows counting them, the
 * instructions that the host spends on each frame sent and received again.
 *
 * bench_vsp [frame bytes [frames per message [sections [rounds]]]]
 */

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake.h"

#define MESSAGES_PER_ROUND 32u

static inline uint64_t
cycles(void)
{
#if defined(__x86_64__)
	unsigned int aux;

	return __builtin_ia32_rdtscp(&aux);
#else
	return engine_clock_ns();
#endif
}

static int
counter_open(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE, .size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS, .exclude_kernel = 1, .disabled = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* ---- a guest with cheap copies, unlike the one of the tests ---- */

static void
put(struct fake_guest_channel *guest, const void *packet, uint32_t bytes)
{
	uint32_t first = fake.ring_bytes - guest->tx_write;
	uint32_t n = HV_MIN(first, bytes);

	memcpy(guest->rings.to_host_data + guest->tx_write, packet, n);
	memcpy(guest->rings.to_host_data, (const uint8_t *)packet + n, bytes - n);
	guest->tx_write = (guest->tx_write + bytes) % fake.ring_bytes;
}

static void
send_messages(struct fake_guest_channel *guest, uint32_t message_bytes)
{
	struct {
		struct vmbus_packet_header header;
		struct nvsp_rndis rndis;
		uint64_t footer;
	} packet = {
		.header = { VMBUS_PACKET_INBAND, 2, 4, 1, 0 },
		.rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, 0, message_bytes },
	};

	for (uint32_t i = 0; i < MESSAGES_PER_ROUND; i++) {
		packet.header.transaction_id = i;
		packet.rndis.section_idx = i;
		put(guest, &packet, sizeof(packet));
	}
	guest->tx_page->write_index = guest->tx_write;
}

static unsigned int
receive(struct fake_guest_channel *guest)
{
	struct {
		struct vmbus_packet_header header;
		struct nvsp_rndis_complete complete;
		uint64_t footer;
	} reply = {
		.header = { VMBUS_PACKET_COMPLETION, 2, 3, 0, 0 },
		.complete = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS },
	};
	unsigned int frames = 0;

	while (guest->rx_read != guest->rx_page->write_index) {
		struct vmbus_packet_header header;
		uint8_t *data = guest->rings.to_guest_data;
		uint32_t count, at;

		memcpy(&header, data + guest->rx_read, 8);
		at = (guest->rx_read + 8) % fake.ring_bytes;
		memcpy(&header.transaction_id, data + at, 8);
		if (header.type == VMBUS_PACKET_TRANSFER_PAGES) {
			memcpy(&count, data + (guest->rx_read + 20) % fake.ring_bytes, 4);
			frames += count;
			reply.header.transaction_id = header.transaction_id;
			put(guest, &reply, sizeof(reply));
		}
		guest->rx_read = (guest->rx_read + header.length_8b * 8u + 8) % fake.ring_bytes;
	}
	guest->rx_page->read_index = guest->rx_read;
	guest->tx_page->write_index = guest->tx_write;
	return frames;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static unsigned int
argument(int argc, char **argv, int i, unsigned int value)
{
	return i < argc ? (unsigned int)strtoul(argv[i], NULL, 10) : value;
}

int
main(int argc, char **argv)
{
	unsigned int bytes = argument(argc, argv, 1, 64), per = argument(argc, argv, 2, 8);
	struct fake_options options = {
		.check = CHECK_FAST, .ring_bytes = 2u << 20,
		.sections = argument(argc, argv, 3, 9000),
	};
	unsigned int rounds = argument(argc, argv, 4, 20000);
	uint64_t frames = 0, instructions = 0, *spent = calloc(rounds, sizeof(*spent));
	uint8_t frame[2048] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	uint32_t message_bytes = 0;
	int fd = counter_open();

	if (spent == NULL || rounds == 0 || bytes < 60 || bytes > 1514 || per == 0 || per * (bytes + 52) > 6144)
		return 2;
	if (fake_start(&options) < 0)
		return 1;
	fake.echo = true;
	fake.profile.ppi = VSP_PPI_CSUM | VSP_PPI_CSUM_ALWAYS;
	for (uint32_t i = 0; i < MESSAGES_PER_ROUND; i++) {
		message_bytes = 0;
		for (unsigned int j = 0; j < per; j++)
			message_bytes += make_message(fake.send + i * 6144 + message_bytes, frame,
				bytes, NULL, 0);
	}
	for (unsigned int i = 0; i < rounds; i++) {
		uint64_t start;

		send_messages(&fake.channel[0], message_bytes);
		if (fd >= 0)
			ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
		start = cycles();
		while (fake_poll() > 0)
			;
		spent[i] = cycles() - start;
		if (fd >= 0)
			ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		frames += receive(&fake.channel[0]);
	}
	if (fd >= 0 && read(fd, &instructions, sizeof(instructions)) != sizeof(instructions))
		instructions = 0;
	if (frames == 0)
		return 1;
	qsort(spent, rounds, sizeof(*spent), by_value);
	printf("%u B, %u a message, %u sections: cycles per frame: median %.1f, best %.1f; "
		"%.1f instructions, %llu violations\n", bytes, per, options.sections,
		(double)spent[rounds / 2] / (MESSAGES_PER_ROUND * per),
		(double)spent[0] / (MESSAGES_PER_ROUND * per),
		(double)instructions / (double)frames, (unsigned long long)vsp_violations());
	free(spent);
	fake_stop();
	return frames == (uint64_t)rounds * MESSAGES_PER_ROUND * per ? 0 : 1;
}
