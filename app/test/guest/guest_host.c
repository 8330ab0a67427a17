/* SPDX-License-Identifier: BSD-3-Clause */

/* The host of the preload library's tests: see guest_host.h. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/engine.h"
#include "core/units.h"
#include "guest_host.h"
#include "kernel/kernel.h"

#define TIME_LIMIT_NS 60000000000ull
#define STATUS_TIME_LIMIT 124

/* ---- the VSP: counts ---- */

struct vsp_nic {
	int unused;
};

struct vsp_channel {
	struct hv_channel *handle;
	struct hv_rings rings;
	unsigned int opened, closed, signalled;
};

static struct {
	char parent[PATH_MAX];
	const char *profile;
	struct kern_vm *vm;
	struct vsp_nic nic;
	struct vsp_channel channel[HV_CHANNELS_MAX];
	struct kern_device *device;
	int sock;                       /* of the client's requests */
	bool gone;
	struct engine_timer limit;
	int pidfd;
} host;

int
vsp_channel_opened(struct vsp_channel *channel, struct hv_channel *handle,
	const struct hv_rings *rings)
{
	channel->handle = handle;
	channel->rings = *rings;
	channel->opened++;
	return 0;
}

void
vsp_channel_closed(struct vsp_channel *channel)
{
	channel->closed++;
}

void
vsp_channel_signalled(struct vsp_channel *channel)
{
	channel->signalled++;
}

bool
vsp_monitor_unread(void)
{
	return false;
}

void
vsp_foreign_bit(struct hv_guest *guest, struct vsp_nic *nic, const char *what)
{
	(void)guest;
	(void)nic;
	fail_msg("foreign bit: %s", what);
}

/* ---- the host ---- */

static void
host_offer(void)
{
	struct hv_offer offer = { .monitor = true, .latency_100ns = 1000 };

	assert_int_equal(units_parse_guid(HOST_GUID, offer.instance), 0);
	host.device = (struct kern_device *)(void *)kern_transport.offer(kern_vm_guest(host.vm),
		&offer, &host.nic, &host.channel[0]);
	assert_non_null(host.device);
	assert_int_not_equal(host.device->uio, UINT32_MAX);
}

/* The guest's kernel, and its NIC. */
static void
host_boot(void)
{
	struct config_guest config = { .name = "guest0" };
	char error[256] = "";

	snprintf(config.kernel_profile, sizeof(config.kernel_profile), "%s", host.profile);
	host.vm = kern_vm_create(&config, host.parent, error, sizeof(error));
	if (!host.vm)
		fail_msg("%s", error);
	memset(host.channel, 0, sizeof(host.channel));
	host_offer();
}

void
host_start(const char *profile, const char *deeper)
{
	memset(&host, 0, sizeof(host));
	host.sock = -1;
	snprintf(host.parent, sizeof(host.parent), "/tmp/hvsim-test-guest-XXXXXX");
	assert_non_null(mkdtemp(host.parent));
	strcat(host.parent, deeper);
	if (deeper[0] != '\0')
		assert_int_equal(mkdir(host.parent, 0700), 0);
	assert_int_equal(engine_init(ENGINE_POLL_ADAPTIVE, NULL), 0);
	host.profile = profile;
	host_boot();
}

void
host_stop(void)
{
	char *slash;

	if (!host.gone)
		kern_vm_destroy(host.vm);
	engine_fini();
	assert_int_equal(rmdir(host.parent), 0);
	slash = strrchr(host.parent, '/');
	*slash = '\0';
	if (strcmp(host.parent, "/tmp") != 0)
		assert_int_equal(rmdir(host.parent), 0);
}

static struct hv_device *
handle_of(struct kern_device *device)
{
	return (struct hv_device *)(void *)device;
}

static void
host_page(uint64_t address, struct host_reply *reply)
{
	bool in_place;
	const uint8_t *page = kern_transport.page(handle_of(host.device), address >> 12,
		address & 4095, 1, &in_place);

	reply->a = page != NULL;
	reply->b = in_place;
	reply->c = page ? *page : -1;
}

static void
host_answer(const struct host_request *req, struct host_reply *reply)
{
	struct vsp_channel *channel = &host.channel[req->arg % HV_CHANNELS_MAX];

	switch (req->op) {
	case HOST_STATE:
		reply->a = host.device->open_files;
		reply->b = host.channel[0].opened;
		reply->c = host.channel[0].closed;
		break;
	case HOST_INTERRUPT:
		kern_transport.interrupt(channel->handle);
		break;
	case HOST_RESCIND:
		kern_transport.rescind(handle_of(host.device));
		break;
	case HOST_SUBCHANNEL:
		kern_transport.offer_subchannel(handle_of(host.device), (uint16_t)req->arg, channel);
		break;
	case HOST_MASK:
		reply->a = *(uint32_t *)(void *)(channel->rings.to_guest_page + 8);
		break;
	case HOST_PAGE:
		host_page(req->arg, reply);
		break;
	case HOST_VANISH:
		kern_vm_destroy(host.vm);
		host.gone = true;
		break;
	case HOST_RESTART:
		kern_vm_destroy(host.vm);
		host_boot();
		break;
	case HOST_CHANNEL:
		reply->a = channel->opened;
		reply->b = channel->opened ? kern_transport.relid(channel->handle) : 0;
		break;
	case HOST_TEXT:
		channel->rings.to_host_data[0] = 't';
		channel->rings.to_guest_data[0] = 'r';
		break;
	case HOST_SIGNALS:
		reply->a = channel->signalled;
		break;
	case HOST_PA:
		guest_memory_set_pa(host.vm->memory, req->arg);
		break;
	}
}

static void
host_request_ready(void *arg, uint32_t events)
{
	struct host_request req;
	struct host_reply reply = { 0 };

	(void)arg;
	(void)events;
	if (recv(host.sock, &req, sizeof(req), MSG_DONTWAIT) != sizeof(req)) {
		engine_fd_remove(host.sock);
		return;
	}
	host_answer(&req, &reply);
	send(host.sock, &reply, sizeof(reply), MSG_NOSIGNAL);
}

/* ---- the guest ---- */

static void
on_exit_ready(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	engine_stop(0);
}

static void
on_limit(void *arg)
{
	(void)arg;
	engine_stop(STATUS_TIME_LIMIT);
}

int
host_serve(void (*child)(void *arg), void *arg)
{
	int pair[2], wstatus, status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pair[1], HOST_FD);
		child(arg);
		_exit(0);
	}
	close(pair[1]);
	host.sock = pair[0];
	host.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(host.pidfd >= 0);
	assert_int_equal(engine_fd_add(host.sock, EPOLLIN, host_request_ready, NULL), 0);
	assert_int_equal(engine_fd_add(host.pidfd, EPOLLIN, on_exit_ready, NULL), 0);
	engine_timer_arm(&host.limit, engine_clock_ns() + TIME_LIMIT_NS, on_limit, NULL);
	status = engine_run();
	if (status != 0)
		kill(pid, SIGKILL);
	waitpid(pid, &wstatus, 0);
	engine_timer_cancel(&host.limit);
	engine_fd_remove(host.sock);
	engine_fd_remove(host.pidfd);
	close(host.sock);
	close(host.pidfd);
	if (status != 0)
		return status;
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
}

const char *
host_dir(void)
{
	return kern_vm_dir(host.vm);
}

uint32_t
host_uio(void)
{
	return host.device->uio;
}
