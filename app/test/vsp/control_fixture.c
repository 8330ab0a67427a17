/* SPDX-License-Identifier: BSD-3-Clause */
/* Fakes of all that lies around the control half of the VSP, and a guest. */

#include <errno.h>
#include <stdlib.h>

#include "../../hvsim/control/trace.h"
#include "../../hvsim/core/log.h"
#include "control_fixture.h"

struct host host;
struct vsp_settings vsp_settings;
bool trace_on = true;

static uint8_t recv_memory[RECV_PAGES * HV_PAGE_BYTES];
static uint8_t send_memory[64 * HV_PAGE_BYTES];
static uint32_t toeplitz_table[1];
static struct vmbus_ring_page ring_page;
static char handles[HV_CHANNELS_MAX], device, guest;

/* ---- check.c ---- */

static const char *const rule_names[] = {
#define RULE(id, consequence, text) #id,
	VSP_RULES(RULE)
#undef RULE
};

static const enum vsp_consequence rule_consequences[] = {
#define RULE(id, consequence, text) VSP_##consequence,
	VSP_RULES(RULE)
#undef RULE
};

const char *
vsp_rule_name(enum vsp_rule rule)
{
	return rule_names[rule];
}

void
vsp_violation(struct vsp_channel *channel, enum vsp_rule rule, const char *format, ...)
{
	(void)format;
	host.last_rule = rule;
	host.violations++;
	channel->nic->rule_counts[rule]++;
	channel->nic->violations++;
	if (rule_consequences[rule] == VSP_DEAD)
		channel->state = CHANNEL_DEAD;
}

/* ---- trace and log ---- */

void
trace_emit(const char *nic, uint32_t relid, enum trace_direction direction,
	enum trace_kind kind, const void *bytes, uint32_t n)
{
	const uint8_t *all = bytes;
	volatile uint8_t sum = 0;

	(void)nic;
	(void)relid;
	(void)direction;
	(void)kind;
	/* Touches every byte, so that a sanitizer sees a length that lies. */
	for (uint32_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + all[i]);
}

void
trace_event(const char *nic, uint32_t relid, const char *format, ...)
{
	(void)nic;
	(void)relid;
	(void)format;
}

void
log_write(enum log_level level, const char *format, ...)
{
	(void)level;
	(void)format;
}

/* ---- engine and switch ---- */

uint64_t
engine_now_ns(void)
{
	return host.now_ns;
}

void
engine_timer_arm(struct engine_timer *timer, uint64_t at_ns, void (*cb)(void *arg), void *arg)
{
	timer->at_ns = at_ns;
	timer->cb = cb;
	timer->arg = arg;
	timer->armed = true;
}

void
engine_timer_cancel(struct engine_timer *timer)
{
	timer->armed = false;
}

void
engine_poller_add(struct engine_poller *poller)
{
	(void)poller;
	host.poller_added = true;
}

void
engine_poller_remove(struct engine_poller *poller)
{
	(void)poller;
	host.poller_added = false;
}

int
sw_attach(struct sw *sw, struct sw_port *port)
{
	port->sw = sw;
	return sw == NULL ? -ENOSPC : 0;
}

void
sw_detach(struct sw_port *port)
{
	port->sw = NULL;
}

const char *
sw_name(const struct sw *sw)
{
	(void)sw;
	return "sw0";
}

int
config_parse_vlan(const char *text, struct config_vlan *vlan)
{
	memset(vlan, 0, sizeof(*vlan));
	vlan->access = (uint16_t)atoi(text);
	return strcmp(text, "rubbish") == 0 ? -EINVAL : 0;
}

/* ---- channel.c ---- */

static struct sent *
remember(enum sent_kind kind, struct vsp_channel *channel, uint64_t id, const void *payload,
	uint32_t bytes)
{
	struct sent *sent = &host.sent[host.sent_count++];

	assert_true(host.sent_count <= SENT_MAX);
	assert_true(bytes <= sizeof(sent->payload));
	memset(sent, 0, sizeof(*sent));
	sent->kind = kind;
	sent->channel = channel->index;
	sent->transaction_id = id;
	sent->bytes = bytes;
	if (bytes > 0)
		memcpy(sent->payload, payload, bytes);
	return sent;
}

void
channel_send(struct vsp_channel *channel, uint64_t transaction_id, bool want_completion,
	const void *payload, uint32_t bytes)
{
	remember(SENT_MESSAGE, channel, transaction_id, payload, bytes)->want_completion =
		want_completion;
}

void
channel_complete(struct vsp_channel *channel, uint64_t transaction_id, const void *payload,
	uint32_t bytes)
{
	remember(SENT_COMPLETION, channel, transaction_id, payload, bytes);
}

void
channel_send_transfer(struct vsp_channel *channel, uint64_t transaction_id,
	const struct vmbus_transfer_range *range, const void *payload, uint32_t bytes)
{
	struct sent *sent = remember(SENT_TRANSFER, channel, transaction_id, payload, bytes);

	sent->offset = range->byte_offset;
	sent->rndis_bytes = range->byte_count;
	assert_true(range->byte_count <= sizeof(sent->rndis));
	assert_true(range_ok(range->byte_offset, range->byte_count, sizeof(recv_memory)));
	memcpy(sent->rndis, recv_memory + range->byte_offset, range->byte_count);
}

bool
channel_is_open(const struct vsp_channel *channel)
{
	return channel->state == CHANNEL_AWAKE || channel->state == CHANNEL_ASLEEP;
}

unsigned int
channel_poll_nic(void *arg)
{
	(void)arg;
	return 0;
}

bool
channel_prepare_sleep(void *arg)
{
	(void)arg;
	return true;
}

void
channel_wake(void *arg)
{
	(void)arg;
}

uint64_t
channel_next_ns(void *arg)
{
	(void)arg;
	return UINT64_MAX;
}

void
vsp_channel_closed(struct vsp_channel *channel)
{
	channel->state = CHANNEL_CLOSED;
	channel->nic->channels_open--;
}

/* ---- rx.c, tx.c, rss.c ---- */

int
rx_sections_create(struct vsp_nic *nic)
{
	free(nic->sections);
	nic->sections = calloc(nic->section_count + 1, sizeof(*nic->sections));
	return nic->section_count > VSP_CONTROL_SECTIONS ? 0 : -EINVAL;
}

void
rx_sections_destroy(struct vsp_nic *nic)
{
	free(nic->sections);
	nic->sections = NULL;
}

void
rx_sections_divide(struct vsp_nic *nic)
{
	(void)nic;
	host.divided++;
}

void
rx_reset(struct vsp_nic *nic)
{
	(void)nic;
}

void
rx_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	(void)port;
	(void)frames;
	host.rx_frames += n;
}

unsigned int
rx_room(struct sw_port *port)
{
	(void)port;
	return 7;
}

void
rx_completed(struct vsp_channel *channel, const struct host_packet *packet)
{
	(void)channel;
	(void)packet;
	host.rx_completed++;
}

void
tx_handle(struct vsp_channel *channel, const struct host_packet *packet)
{
	(void)channel;
	(void)packet;
	host.tx_handled++;
}

int
tx_gather(struct vsp_channel *channel, const struct host_packet *packet, void *copy,
	uint32_t size)
{
	(void)channel;
	(void)packet;
	if (host.gather_error < 0)
		return host.gather_error;
	if (host.gather_bytes != 0)
		memcpy(copy, host.gather, HV_MIN(size, host.gather_bytes));
	return (int)host.gather_bytes;
}

int
rss_set_key(struct vsp_rss *rss, const uint8_t key[NDIS_RSS_KEY_BYTES])
{
	memcpy(rss->key, key, NDIS_RSS_KEY_BYTES);
	rss->toeplitz = toeplitz_table;
	host.keys_set++;
	return 0;
}

void
rss_free(struct vsp_rss *rss)
{
	rss->toeplitz = NULL;
}

/* ---- the transport ---- */

static struct hv_device *
transport_offer(struct hv_guest *to, const struct hv_offer *offer, struct vsp_nic *nic,
	struct vsp_channel *primary)
{
	(void)to;
	assert_ptr_equal(primary, &nic->channel[0]);
	host.offer = *offer;
	return (struct hv_device *)(void *)&device;
}

static void
transport_rescind(struct hv_device *handle)
{
	(void)handle;
	host.rescinded++;
}

static int
transport_offer_subchannel(struct hv_device *handle, uint16_t index, struct vsp_channel *channel)
{
	(void)handle;
	assert_int_equal(channel->index, index);
	remember(SENT_OFFER, channel, index, NULL, 0);
	return 0;
}

static void
transport_rescind_subchannel(struct hv_channel *channel)
{
	(void)channel;
	host.rescinded_subchannels++;
}

static int
transport_gpadl(struct hv_device *handle, uint32_t gpadl, uint8_t **base, uint64_t *bytes)
{
	(void)handle;
	*base = gpadl == SEND_GPADL ? send_memory : recv_memory;
	*bytes = gpadl == SEND_GPADL ? sizeof(send_memory) : sizeof(recv_memory);
	if (gpadl == ODD_GPADL)
		*bytes -= 8;
	return gpadl == RECV_GPADL || gpadl == SEND_GPADL || gpadl == ODD_GPADL ? 0 : -ENOENT;
}

static uint32_t
transport_relid(const struct hv_channel *channel)
{
	(void)channel;
	return 11;
}

static const char *
transport_guest_name(const struct hv_guest *of)
{
	(void)of;
	return "guest0";
}

static const struct hv_transport transport = {
	.name = "fake",
	.offer = transport_offer,
	.rescind = transport_rescind,
	.offer_subchannel = transport_offer_subchannel,
	.rescind_subchannel = transport_rescind_subchannel,
	.gpadl = transport_gpadl,
	.relid = transport_relid,
	.guest_name = transport_guest_name,
};

/* ---- the host's life ---- */

static void
open_channel(unsigned int index)
{
	struct vsp_channel *channel = &host.nic->channel[index];

	channel->handle = (struct hv_channel *)(void *)&handles[index];
	channel->state = CHANNEL_AWAKE;
	channel->from_guest.page = &ring_page;
	channel->from_guest.data_bytes = HV_PAGE_BYTES;
	host.nic->channels_open++;
}

void
host_config(struct config_nic *config)
{
	const uint8_t mac[6] = { 0x00, 0x15, 0x5d, 0x01, 0x02, 0x03 };

	memset(config, 0, sizeof(*config));
	strcpy(config->name, "nic0");
	memcpy(config->mac, mac, sizeof(mac));
	config->has_mac = true;
	config->queues = 8;
	config->monitor = -1;
	config->link_bps = 40000000000ull;
	config->mtu_max = 9216 + 14;
	config->mac_spoofing = true;
	config->rsc = true;
}

void
host_start_with(const struct config_nic *config, const char *profile)
{
	struct hv_guest *to = (struct hv_guest *)(void *)&guest;
	struct sw *sw = (struct sw *)(void *)&device;
	char error[256] = "";

	memset(&host, 0, sizeof(host));
	memset(&ring_page, 0, sizeof(ring_page));
	host.now_ns = 1000;
	host.nic = vsp_nic_create(config, profile, sw, error, sizeof(error));
	if (host.nic == NULL)
		fail_msg("%s", error);
	assert_int_equal(vsp_nic_offer(host.nic, &transport, to, false), 0);
	open_channel(0);
	nvsp_reset(host.nic);
}

void
host_start(const char *profile)
{
	struct config_nic config;

	host_config(&config);
	host_start_with(&config, profile);
}

void
host_stop(void)
{
	if (host.nic != NULL)
		vsp_nic_destroy(host.nic);
	host.nic = NULL;
}

void
host_reopen(void)
{
	vsp_channel_closed(&host.nic->channel[0]);
	open_channel(0);
	nvsp_reset(host.nic);
}

void
host_open_subchannel(unsigned int index)
{
	open_channel(index);
	nvsp_subchannel_opened(&host.nic->channel[index]);
}

void
host_forget(void)
{
	host.sent_count = 0;
	host.violations = 0;
}

void
host_run_timer(struct engine_timer *timer)
{
	assert_true(timer->armed);
	host.now_ns = timer->at_ns;
	timer->armed = false;
	timer->cb(timer->arg);
}

bool
channel_dead(unsigned int index)
{
	return host.nic->channel[index].state == CHANNEL_DEAD;
}
