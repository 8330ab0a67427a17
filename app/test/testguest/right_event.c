/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to a guest without its doing: link and speed, a VF that comes
 * and goes, interrupts, and the end of the device. The host is told to do it
 * over its control socket.
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "right.h"

#define SHORT_MS 1000

static int
start(struct echo *e, const struct tg_options *options, char name[32])
{
	TG_TRY(echo_start(e, 0, options));
	TG_CHECK(tg_host_nic_name(e->dev.mac, name) == 0, "hvsim does not know this MAC address");
	return 0;
}

/* Polls until the host has indicated `status`. */
static int
indicated(struct tg_device *dev, uint32_t status)
{
	uint64_t end = tg_now_ns() + TG_WAIT_MS * 1000000ull;

	while (dev->last_indication != status && tg_now_ns() < end)
		tg_poll_all(dev);
	TG_CHECK(dev->last_indication == status, "0x%x instead of 0x%x, %u in all",
		dev->last_indication, status, dev->indications);
	dev->last_indication = 0;
	return 0;
}

static int
link_change(void)
{
	struct tg_options options = { 0 };
	uint32_t state, status;
	char name[32];
	struct echo e;

	TG_TRY(start(&e, &options, name));
	TG_CHECK(tg_host_command("{\"cmd\":\"link\",\"nic\":\"%s\",\"up\":false}", name) == 0,
		"link down");
	TG_TRY(indicated(&e.dev, NDIS_STATUS_MEDIA_DISCONNECT));
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_MEDIA_CONNECT_STATUS, &state, sizeof(state),
		&status) == 4 && state == !right_host_is("openvmm"), "state %u", state);
	TG_CHECK(tg_host_command("{\"cmd\":\"link\",\"nic\":\"%s\",\"up\":true}", name) == 0,
		"link up");
	TG_TRY(indicated(&e.dev, NDIS_STATUS_MEDIA_CONNECT));
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

static int
speed_change(void)
{
	struct tg_options options = { 0 };
	uint32_t speed = 0, status;
	char name[32];
	struct echo e;

	if (right_host_is("openvmm"))
		return TG_SKIP; /* it never says so */
	TG_TRY(start(&e, &options, name));
	TG_CHECK(tg_host_command("{\"cmd\":\"speed\",\"nic\":\"%s\",\"speed\":\"25G\"}", name) == 0,
		"speed");
	TG_TRY(indicated(&e.dev, NDIS_STATUS_LINK_SPEED_CHANGE));
	TG_CHECK(tg_rndis_query(&e.dev, OID_GEN_LINK_SPEED, &speed, sizeof(speed), &status) == 4,
		"0x%x", status);
	TG_CHECK(speed == 250000000, "%u", speed);
	TG_CHECK(tg_host_command("{\"cmd\":\"speed\",\"nic\":\"%s\",\"speed\":\"40G\"}", name) == 0,
		"and back");
	echo_end(&e);
	return 0;
}

static int
network_change(void)
{
	struct tg_options options = { 0 };
	char name[32];
	struct echo e;

	if (right_host_is("openvmm"))
		return TG_SKIP; /* it never says so */
	TG_TRY(start(&e, &options, name));
	TG_CHECK(tg_host_command("{\"cmd\":\"network-change\",\"nic\":\"%s\"}", name) == 0,
		"network change");
	TG_TRY(indicated(&e.dev, NDIS_STATUS_NETWORK_CHANGE));
	TG_CHECK(tg_host_command("{\"cmd\":\"offload\",\"nic\":\"%s\"}", name) == 0, "offload");
	TG_TRY(indicated(&e.dev, NDIS_STATUS_OFFLOAD_CONFIG));
	echo_end(&e);
	return 0;
}

/* ---- VF ---- */

static int
vf_messages(struct tg_device *dev, unsigned int messages)
{
	uint64_t end = tg_now_ns() + TG_WAIT_MS * 1000000ull;

	while (dev->vf_messages < messages && tg_now_ns() < end)
		tg_poll_all(dev);
	TG_CHECK(dev->vf_messages == messages, "%u VF messages instead of %u", dev->vf_messages,
		messages);
	return 0;
}

static int
vf_comes_and_goes(void)
{
	struct tg_options options = { .caps = NVSP_CONFIG_CAP_SRIOV };
	uint32_t serial;
	char name[32];
	struct echo e;

	TG_TRY(start(&e, &options, name));
	if (e.dev.nvsp < NVSP_VERSION_4)
		return TG_SKIP;
	TG_CHECK(e.dev.vf_messages == 0, "a VF from the start");
	TG_CHECK(tg_host_command("{\"cmd\":\"vf\",\"nic\":\"%s\",\"action\":\"offer\"}", name) == 0,
		"offer");
	TG_TRY(vf_messages(&e.dev, 1));
	TG_CHECK(e.dev.vf_allocated == 1, "not allocated");
	serial = e.dev.vf_serial;
	TG_CHECK(tg_nvsp_switch_data_path(&e.dev, NVSP_DATA_PATH_VF) == 0, "to the VF");
	TG_CHECK(tg_nvsp_switch_data_path(&e.dev, NVSP_DATA_PATH_SYNTHETIC) == 0, "and back");
	TG_CHECK(tg_nvsp_switch_data_path(&e.dev, NVSP_DATA_PATH_VF) == 0, "to the VF");
	TG_CHECK(tg_host_command("{\"cmd\":\"vf\",\"nic\":\"%s\",\"action\":\"revoke\"}", name) == 0,
		"revoke");
	TG_TRY(vf_messages(&e.dev, 2));
	TG_CHECK(e.dev.switch_messages == 1 && e.dev.data_path == NVSP_DATA_PATH_SYNTHETIC,
		"%u switch messages before the VF went", e.dev.switch_messages);
	TG_CHECK(e.dev.vf_allocated == 0 && e.dev.vf_serial == serial, "allocated %u, serial %u",
		e.dev.vf_allocated, e.dev.vf_serial);
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

static int
vf_unwanted(void)
{
	struct tg_options options = { 0 };
	char name[32];
	struct echo e;

	TG_TRY(start(&e, &options, name));
	tg_host_command("{\"cmd\":\"vf\",\"nic\":\"%s\",\"action\":\"offer\"}", name);
	for (unsigned int i = 0; i < 5; i++)
		TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	TG_CHECK(e.dev.vf_messages == 0, "told of a VF without having asked");
	tg_host_command("{\"cmd\":\"vf\",\"nic\":\"%s\",\"action\":\"revoke\"}", name);
	echo_end(&e);
	return 0;
}

/* ---- interrupts ---- */

static bool
readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

static int
interrupts(void)
{
	struct tg_options options = { 0 };
	int32_t first = 0, second = 0, off = 0;
	struct tg_channel *ch;
	struct echo e;
	char byte;

	TG_TRY(echo_start(&e, 0, &options));
	ch = e.dev.channel[0];
	TG_CHECK(read(e.dev.fd, &byte, 1) < 0 && errno == EINVAL, "a read of one byte: %s",
		strerror(errno));
	while (readable(e.dev.fd, 0))
		TG_CHECK(read(e.dev.fd, &first, sizeof(first)) == 4, "%s", strerror(errno));
	TG_TRY(echo_bytes(&e, ch, TG_TX_SECTION, 100));
	TG_CHECK(!readable(e.dev.fd, 0), "an interrupt though the mask is 1");
	tg_poll_all(&e.dev);
	__atomic_store_n(&ch->rx.page->interrupt_mask, 0, __ATOMIC_SEQ_CST);
	for (unsigned int i = 0; i < 2; i++) {
		uint8_t data[60];
		struct tg_tx_frame frame = { .data = data, .bytes = sizeof(data) };
		struct tg_flow flow = echo_flow(&e, false, true, i);

		tg_frame_build(data, sizeof(data), &flow, i);
		TG_CHECK(tg_tx(ch, echo_way(&e, TG_TX_SECTION, 60), &frame, 1, NULL) == 0,
			"ring full");
		TG_CHECK(readable(e.dev.fd, SHORT_MS), "no interrupt");
		TG_CHECK(read(e.dev.fd, i == 0 ? &first : &second, 4) == 4, "%s", strerror(errno));
		TG_CHECK(tg_wait(&e.dev, &e.wrong, i + 1, SHORT_MS) == 0, "no frame");
	}
	TG_CHECK(second > first, "the count went from %d to %d", first, second);
	TG_CHECK(write(e.dev.fd, &off, sizeof(off)) == 4, "%s", strerror(errno));
	TG_CHECK(ch->rx.page->interrupt_mask == 1, "write(0) left the mask at %u",
		ch->rx.page->interrupt_mask);
	echo_end(&e);
	return 0;
}

/* ---- the end ---- */

static int
rescind(void)
{
	struct tg_options options = { .queues = 2 };
	uint64_t end = tg_now_ns() + 2000000000ull;
	unsigned int nics;
	int32_t count = 0;
	char name[32];
	struct echo e;

	TG_TRY(start(&e, &options, name));
	nics = tg_count();
	TG_CHECK(tg_host_command("{\"cmd\":\"nic-remove\",\"nic\":\"%s\"}", name) == 0, "remove");
	TG_CHECK(readable(e.dev.fd, SHORT_MS), "nothing to read");
	TG_CHECK(read(e.dev.fd, &count, 4) < 0 && errno == EIO, "read: %s", strerror(errno));
	TG_CHECK(write(e.dev.fd, &count, 4) < 0 && errno == EINVAL, "write: %s", strerror(errno));
	echo_end(&e);
	while (tg_count() == nics && tg_now_ns() < end)
		continue;
	TG_CHECK(tg_count() == nics - 1, "%u NICs are left of %u", tg_count(), nics);
	TG_CHECK(tg_host_command("{\"cmd\":\"nic-offer\",\"nic\":\"%s\"}", name) == 0, "offer");
	while (tg_count() < nics && tg_now_ns() < end)
		continue;
	TG_CHECK(tg_count() == nics, "it did not come back");
	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(echo_bytes(&e, e.dev.channel[1], TG_TX_SECTION, 100));
	echo_end(&e);
	return 0;
}

#define TOUCHED_NOTHING 66

static void
nothing_there(int number)
{
	(void)number;
	_exit(TOUCHED_NOTHING);
}

/* A process that still touches a ring some time after the rescind gets a
 * fault, as the kernel has freed those pages. */
static int
touch_after_rescind(struct tg_device *dev)
{
	uint64_t end = tg_now_ns() + 30000000000ull;    /* the host waits for busy machines */
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGBUS, nothing_there);
		signal(SIGSEGV, nothing_there);
		while (tg_now_ns() < end)
			__atomic_load_n(&dev->channel[0]->rx.page->write_index, __ATOMIC_RELAXED);
		_exit(0);
	}
	TG_CHECK(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	TG_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == TOUCHED_NOTHING, "status 0x%x",
		status);
	return 0;
}

static int
revoked_pages(void)
{
	struct tg_options options = { 0 };
	char name[32];
	struct echo e;
	int ret;

	TG_TRY(start(&e, &options, name));
	TG_CHECK(tg_host_command("{\"cmd\":\"nic-remove\",\"nic\":\"%s\"}", name) == 0, "remove");
	ret = touch_after_rescind(&e.dev);
	echo_end(&e);
	TG_CHECK(tg_host_command("{\"cmd\":\"nic-offer\",\"nic\":\"%s\"}", name) == 0, "offer");
	return ret;
}

/* The channel stays open while any process has the file. */
static int
inherited(void)
{
	struct tg_options options = { 0 };
	struct echo e;
	pid_t pid;
	int status;

	TG_TRY(echo_start(&e, 0, &options));
	TG_TRY(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 100));
	pid = fork();
	if (pid == 0)
		_exit(echo_bytes(&e, e.dev.channel[0], TG_TX_SECTION, 200) != 0);
	TG_CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child: 0x%x", status);
	echo_end(&e);
	return 0;
}

const struct tg_case right_event_cases[] = {
	{ "the link goes down and up, and the OID tells the truth", link_change, NULL },
	{ "a speed change is indicated", speed_change, NULL },
	{ "network and offload changes are indicated", network_change, NULL },
	{ "a VF comes, is switched to, and goes in the right order", vf_comes_and_goes, NULL },
	{ "a guest that did not ask for VFs hears of none", vf_unwanted, NULL },
	{ "interrupts come when the mask is open, and are counted", interrupts, NULL },
	{ "a rescinded device gives EIO, goes, and can come again", rescind, NULL },
	{ "rings are gone soon after the rescind", revoked_pages, NULL },
	{ "a child process goes on where its parent was", inherited, NULL },
};
const unsigned int right_event_case_count =
	sizeof(right_event_cases) / sizeof(right_event_cases[0]);
