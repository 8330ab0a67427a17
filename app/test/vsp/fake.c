/* SPDX-License-Identifier: BSD-3-Clause */

/* A NIC without its control half, and a small guest: see fake.h. */

#include "fake.h"

#include <stdlib.h>

#include "../../hvsim/control/trace.h"

struct fake fake;

/* ---- the control half and the switch ---- */

bool trace_on;

void
trace_emit(const char *nic, uint32_t relid, enum trace_direction direction,
	enum trace_kind kind, const void *bytes, uint32_t n)
{
	(void)nic, (void)relid, (void)direction, (void)kind, (void)bytes, (void)n;
}

void
trace_event(const char *nic, uint32_t relid, const char *format, ...)
{
	(void)nic, (void)relid, (void)format;
}

void
nvsp_reset(struct vsp_nic *nic)
{
	fake.resets++;
	rx_reset(nic);
}

void
nvsp_handle(struct vsp_channel *channel, const struct host_packet *packet)
{
	(void)channel;
	fake.nvsp_messages++;
	if (packet->payload_bytes >= 4)
		memcpy(&fake.nvsp_type, packet->payload, 4);
}

void
nvsp_subchannel_opened(struct vsp_channel *channel)
{
	(void)channel;
	fake.subchannels_opened++;
}

uint32_t
nvsp_padded_bytes(const struct vsp_nic *nic)
{
	return nic->nvsp >= NVSP_VERSION_61 ? NVSP_MSG_BYTES_V61 : NVSP_MSG_BYTES_V1;
}

void
rndis_control(struct vsp_channel *channel, const struct host_packet *packet,
	const uint8_t *message, uint32_t bytes)
{
	(void)channel, (void)packet, (void)message, (void)bytes;
	fake.rndis_messages++;
}

void
rndis_section_freed(struct vsp_nic *nic)
{
	(void)nic;
	fake.sections_freed++;
}

static bool
within(const uint8_t *data, const uint8_t *base, uint32_t bytes)
{
	return data >= base && data < base + bytes;
}

void
sw_input(struct sw_port *from, const struct frame *frames, unsigned int n)
{
	fake.batches++;
	if (fake.echo) {
		rx_output(from, frames, n);
		return;
	}
	for (unsigned int i = 0; i < n && fake.frame_count < fake.frames_max; i++) {
		struct fake_frame *to = &fake.frames[fake.frame_count++];

		to->bytes = frames[i].bytes;
		to->flags = frames[i].flags;
		to->vlan_tci = frames[i].vlan_tci;
		to->l4_offset = frames[i].l4_offset;
		to->in_place = within(frames[i].data, fake.send, fake.send_bytes) ||
			within(frames[i].data, fake.memory, FAKE_PAGES * HV_PAGE_BYTES);
		memcpy(to->data, frames[i].data, HV_MIN(frames[i].bytes, FAKE_FRAME_BYTES));
	}
}

/* ---- the transport ---- */

static void
transport_interrupt(struct hv_channel *channel)
{
	((struct fake_guest_channel *)(void *)channel)->interrupts++;
	if (fake.interrupted != NULL)
		fake.interrupted();
}

static const uint8_t *
transport_page(struct hv_device *device, uint64_t number, uint32_t offset, uint32_t bytes,
	bool *in_place)
{
	(void)device;
	if (number == 0 || number > FAKE_PAGES || offset + bytes > HV_PAGE_BYTES)
		return NULL;
	*in_place = !fake.pages_copied;
	if (!fake.pages_copied)
		return fake.memory + (number - 1) * HV_PAGE_BYTES + offset;
	memcpy(fake.copy + (number - 1) * HV_PAGE_BYTES, fake.memory +
		(number - 1) * HV_PAGE_BYTES, HV_PAGE_BYTES);
	return fake.copy + (number - 1) * HV_PAGE_BYTES + offset;
}

static uint32_t
transport_relid(const struct hv_channel *channel)
{
	(void)channel;
	return 1;
}

static const struct hv_transport transport = {
	.name = "fake",
	.interrupt = transport_interrupt,
	.page = transport_page,
	.relid = transport_relid,
};

/* ---- set-up ---- */

static void *
pages_alloc(size_t bytes)
{
	void *p = NULL;

	if (posix_memalign(&p, 4096, (bytes + 4095) / 4096 * 4096) != 0)
		abort();
	memset(p, 0, bytes);
	return p;
}

static int
channel_start(unsigned int index)
{
	struct fake_guest_channel *guest = &fake.channel[index];
	struct vsp_channel *channel = &fake.nic.channel[index];

	guest->tx_page = pages_alloc(4096);
	guest->rx_page = pages_alloc(4096);
	guest->rings = (struct hv_rings) {
		.to_host_page = (void *)guest->tx_page,
		.to_host_data = pages_alloc(fake.ring_bytes),
		.to_host_bytes = fake.ring_bytes,
		.to_guest_page = (void *)guest->rx_page,
		.to_guest_data = pages_alloc(fake.ring_bytes),
		.to_guest_bytes = fake.ring_bytes,
	};
	guest->tx_page->feature_bits = VMBUS_RING_FEATURE_PENDING_SEND;
	guest->rx_page->interrupt_mask = 1;
	channel->nic = &fake.nic;
	channel->index = (uint16_t)index;
	return vsp_channel_opened(channel, (void *)guest, &guest->rings);
}

int
fake_start(const struct fake_options *options)
{
	struct vsp_settings settings = { .check = options->check, .seed = 1 };
	unsigned int channels = HV_MAX(options->channels, 1u);

	memset(&fake, 0, sizeof(fake));
	vsp_init(&settings);
	fake.profile = (struct vsp_profile) {
		.name = "fake", .frame_offset = 256, .send_section_bytes = 6144,
		.packets_per_message = 8, .alignment_shift = 3, .monitor = true,
		.ppi = VSP_PPI_CSUM | VSP_PPI_VLAN | VSP_PPI_HASH | VSP_PPI_PACKET_ID,
		.csum_offload = true, .lso = true, .udp_csum = true, .rsc = true,
	};
	fake.ring_bytes = options->ring_bytes != 0 ? options->ring_bytes : FAKE_RING_BYTES;
	strcpy(fake.nic.config.name, "nic0");
	fake.nic.config.monitor = -1;
	fake.nic.profile = &fake.profile;
	fake.nic.transport = &transport;
	fake.nic.rng.state = 1;
	for (unsigned int i = 0; i < channels; i++) {
		if (channel_start(i) < 0)
			return -1;
	}
	fake.nic.subchannels_requested = channels - 1;
	fake.nic.state = NIC_OPERATIONAL;
	fake.nic.nvsp = options->nvsp != 0 ? options->nvsp : NVSP_VERSION_61;
	fake.nic.frame_max = options->frame_max != 0 ? options->frame_max : 1514;
	fake.nic.suballoc_bytes = 256 + fake.nic.frame_max + 36;
	fake.nic.section_count = options->sections != 0 ? options->sections : 64;
	fake.recv_bytes = fake.nic.suballoc_bytes * fake.nic.section_count;
	fake.recv = pages_alloc(fake.recv_bytes);
	fake.send_bytes = 64 * 6144;
	fake.send = pages_alloc(fake.send_bytes);
	fake.memory = pages_alloc(FAKE_PAGES * HV_PAGE_BYTES);
	fake.copy = pages_alloc(FAKE_PAGES * HV_PAGE_BYTES);
	fake.frames_max = options->frames_max != 0 ? options->frames_max : FAKE_FRAMES_MAX;
	fake.frames = calloc(fake.frames_max, sizeof(*fake.frames));
	fake.nic.recv_base = fake.recv;
	fake.nic.recv_bytes = fake.recv_bytes;
	fake.nic.send_base = fake.send;
	fake.nic.send_bytes = fake.send_bytes;
	fake.nic.send_sections = 64;
	fake.nic.filter = NDIS_FILTER_DIRECTED;
	fake.nic.link_up = true;
	fake.nic.rx_csum = NIC_CSUM_ALL;
	return rx_sections_create(&fake.nic);
}

void
fake_stop(void)
{
	for (unsigned int i = FAKE_CHANNELS; i-- > 0;) {
		struct fake_guest_channel *guest = &fake.channel[i];

		if (fake.nic.channel[i].nic == NULL)
			continue;
		vsp_channel_closed(&fake.nic.channel[i]);
		free(guest->tx_page);
		free(guest->rx_page);
		free(guest->rings.to_host_data);
		free(guest->rings.to_guest_data);
	}
	rx_sections_destroy(&fake.nic);
	rss_free(&fake.nic.rss);
	free(fake.recv);
	free(fake.send);
	free(fake.memory);
	free(fake.copy);
	free(fake.frames);
}

unsigned int
fake_poll(void)
{
	return channel_poll_nic(&fake.nic);
}

uint64_t
fake_rule(enum vsp_rule rule)
{
	return fake.nic.rule_counts[rule];
}

/* ---- the guest's rings, byte by byte ---- */

static void
guest_write(struct fake_guest_channel *guest, const void *from, uint32_t bytes)
{
	const uint8_t *p = from;

	for (uint32_t i = 0; i < bytes; i++) {
		guest->rings.to_host_data[guest->tx_write] = p[i];
		guest->tx_write = (guest->tx_write + 1) % fake.ring_bytes;
	}
}

bool
guest_put_raw(unsigned int channel, const struct vmbus_packet_header *header,
	const void *rest, uint32_t bytes)
{
	static const uint8_t zeros[8];
	struct fake_guest_channel *guest = &fake.channel[channel];
	struct vmbus_packet_footer footer = { .start_offset = guest->tx_write };
	uint32_t old = guest->tx_write;

	guest_write(guest, header, sizeof(*header));
	guest_write(guest, rest, bytes);
	guest_write(guest, zeros, -bytes & 7);
	guest_write(guest, &footer, sizeof(footer));
	guest->tx_page->write_index = guest->tx_write;
	return guest->tx_page->interrupt_mask == 0 && guest->tx_page->read_index == old;
}

bool
guest_put(unsigned int channel, uint16_t type, uint64_t id, const void *extension,
	uint32_t extension_bytes, const void *payload, uint32_t payload_bytes)
{
	static uint8_t rest[32768];
	struct vmbus_packet_header header = {
		.type = type,
		.data_offset_8b = (uint16_t)((sizeof(header) + extension_bytes) / 8),
		.length_8b = (uint16_t)((sizeof(header) + extension_bytes + payload_bytes + 7) / 8),
		.flags = type == VMBUS_PACKET_COMPLETION ? 0 : 1,
		.transaction_id = id,
	};

	if (extension_bytes != 0)
		memcpy(rest, extension, extension_bytes);
	memcpy(rest + extension_bytes, payload, payload_bytes);
	return guest_put_raw(channel, &header, rest, extension_bytes + payload_bytes);
}

bool
guest_send(unsigned int channel, uint64_t id, uint32_t section, uint32_t bytes)
{
	struct nvsp_rndis rndis = { NVSP_RNDIS, NVSP_CHANNEL_DATA, section, bytes };

	return guest_put(channel, VMBUS_PACKET_INBAND, id, NULL, 0, &rndis, sizeof(rndis));
}

static void
guest_read(struct fake_guest_channel *guest, void *to, uint32_t bytes)
{
	uint8_t *p = to;

	for (uint32_t i = 0; i < bytes; i++) {
		p[i] = guest->rings.to_guest_data[guest->rx_read];
		guest->rx_read = (guest->rx_read + 1) % fake.ring_bytes;
	}
}

bool
guest_take(unsigned int channel, struct fake_packet *packet)
{
	struct fake_guest_channel *guest = &fake.channel[channel];
	struct vmbus_packet_footer footer;
	uint32_t start = guest->rx_read, data;

	if (guest->rx_read == guest->rx_page->write_index)
		return false;
	guest_read(guest, &packet->header, sizeof(packet->header));
	packet->extension_bytes = packet->header.data_offset_8b * 8u -
		(uint32_t)sizeof(packet->header);
	packet->payload_bytes = packet->header.length_8b * 8u - packet->header.data_offset_8b * 8u;
	data = packet->extension_bytes + packet->payload_bytes;
	if (data > sizeof(packet->bytes))
		abort();
	guest_read(guest, packet->bytes, data);
	guest_read(guest, &footer, sizeof(footer));
	if (footer.start_offset != start || footer.reserved != 0)
		abort();
	packet->extension = packet->bytes;
	packet->payload = packet->bytes + packet->extension_bytes;
	guest->rx_page->read_index = guest->rx_read;
	return true;
}

bool
guest_complete(unsigned int channel, uint64_t id)
{
	struct nvsp_rndis_complete complete = { NVSP_RNDIS_COMPLETE, NVSP_STATUS_SUCCESS };

	return guest_put(channel, VMBUS_PACKET_COMPLETION, id, NULL, 0, &complete,
		sizeof(complete));
}

uint32_t
guest_status(unsigned int channel, uint64_t *id)
{
	struct fake_packet packet;
	struct nvsp_rndis_complete complete;

	if (!guest_take(channel, &packet) || packet.header.type != VMBUS_PACKET_COMPLETION)
		return UINT32_MAX;
	memcpy(&complete, packet.payload, sizeof(complete));
	if (complete.type != NVSP_RNDIS_COMPLETE)
		return UINT32_MAX;
	if (id != NULL)
		*id = packet.header.transaction_id;
	return complete.status;
}

/* ---- messages and frames ---- */

uint32_t
make_message(uint8_t *at, const uint8_t *frame, uint32_t bytes,
	const uint32_t (*ppi)[2], unsigned int ppi_count)
{
	struct rndis_packet packet = { .header.type = RNDIS_PACKET };
	uint32_t ppi_bytes = ppi_count * 16;

	packet.data_offset = 36 + ppi_bytes;
	packet.data_bytes = bytes;
	packet.ppi_offset = ppi_count != 0 ? 36 : 0;
	packet.ppi_bytes = ppi_bytes;
	packet.header.msg_bytes = (44 + ppi_bytes + bytes + 7) & ~7u;
	memcpy(at, &packet, sizeof(packet));
	for (unsigned int i = 0; i < ppi_count; i++) {
		uint32_t entry[4] = { 16, ppi[i][0], 12, ppi[i][1] };

		memcpy(at + 44 + i * 16, entry, sizeof(entry));
	}
	memcpy(at + 44 + ppi_bytes, frame, bytes);
	return packet.header.msg_bytes;
}

uint16_t
oracle_csum(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void
make_l4(uint8_t *l4, uint8_t proto, uint32_t payload_bytes, uint32_t pseudo)
{
	uint32_t header = proto == IP_TCP ? 20 : 8;
	uint32_t at = proto == IP_TCP ? 16 : 6;

	memset(l4, 0, header);
	store_be16(l4, 1000);
	store_be16(l4 + 2, 2000);
	if (proto == IP_TCP) {
		store_be32(l4 + 4, 0x12345678);
		store_be32(l4 + 8, 0x9abcdef0);
		l4[12] = 0x50;
		l4[13] = 0x10;
		store_be16(l4 + 14, 0x1000);
	} else {
		store_be16(l4 + 4, (uint16_t)(8 + payload_bytes));
	}
	for (uint32_t i = 0; i < payload_bytes; i++)
		l4[header + i] = (uint8_t)(i * 7 + (i >> 8));
	store_be16(l4 + at, (uint16_t)~oracle_csum(l4, header + payload_bytes,
		pseudo + proto + header + payload_bytes));
}

static void
make_ethernet(uint8_t *frame, uint16_t type)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };

	memcpy(frame, macs, 12);
	store_be16(frame + 12, type);
}

uint32_t
make_ipv4(uint8_t *frame, uint8_t proto, uint32_t payload_bytes)
{
	uint32_t l4_bytes = (proto == IP_TCP ? 20 : 8) + payload_bytes;
	uint8_t *ip = frame + 14;

	make_ethernet(frame, ETHER_IPV4);
	memset(ip, 0, 20);
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(20 + l4_bytes));
	store_be16(ip + 4, 0x4321);
	ip[8] = 64;
	ip[9] = proto;
	store_be32(ip + 12, 0x0a000001);
	store_be32(ip + 16, 0x0a000002);
	store_be16(ip + 10, (uint16_t)~oracle_csum(ip, 20, 0));
	make_l4(frame + 34, proto, payload_bytes, oracle_csum(ip + 12, 8, 0));
	return 34 + l4_bytes;
}

uint32_t
make_ipv6(uint8_t *frame, uint8_t proto, uint32_t payload_bytes)
{
	uint32_t l4_bytes = (proto == IP_TCP ? 20 : 8) + payload_bytes;
	uint8_t *ip = frame + 14;

	make_ethernet(frame, ETHER_IPV6);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	store_be16(ip + 4, (uint16_t)l4_bytes);
	ip[6] = proto;
	ip[7] = 64;
	ip[8] = 0x20;
	ip[23] = 1;
	ip[24] = 0x20;
	ip[39] = 2;
	make_l4(frame + 54, proto, payload_bytes, oracle_csum(ip + 8, 32, 0));
	return 54 + l4_bytes;
}
