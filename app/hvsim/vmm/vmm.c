/* SPDX-License-Identifier: BSD-3-Clause */

/* See vmm.h: life of the guest, and what its CPUs tell the engine. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../core/log.h"
#include "boot.h"
#include "console.h"
#include "internal.h"

/* A message slot that was busy is looked at again, should its owner forget to
 * tell. */
#define RETRY_NS 20000000u
/* How often the console is looked after while nothing else happens. */
#define CONSOLE_NS 50000000u

static struct vmm *guest;
static struct vmm_config configured;
static uint64_t console_next_ns;

void
vmm_configure(const struct vmm_config *config)
{
	configured = *config;
}

/* ---- from virtual CPUs ---- */

static void
poke(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		log_debug("eventfd: %s", strerror(errno));
}

static void
drain(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0)
		log_debug("eventfd: %s", strerror(errno));
}

void
vmm_event_raise(struct vmm *vmm, enum vmm_event event)
{
	enum vmm_event none = VMM_RUNS;

	/* The first one holds until it was handled. */
	if (event != VMM_RUNS)
		__atomic_compare_exchange_n(&vmm->event, &none, event, false, __ATOMIC_ACQ_REL,
			__ATOMIC_ACQUIRE);
	poke(vmm->event_fd);
}

bool
vmm_inbox_put(struct vmm *vmm, const uint8_t *message, uint32_t bytes)
{
	bool room;

	pthread_mutex_lock(&vmm->inbox_lock);
	room = vmm->inbox_count < INBOX_MAX;
	if (room) {
		uint32_t at = (vmm->inbox_first + vmm->inbox_count) % INBOX_MAX;

		vmm->inbox[at].bytes = bytes;
		memcpy(vmm->inbox[at].payload, message, bytes);
		vmm->inbox_count++;
	}
	pthread_mutex_unlock(&vmm->inbox_lock);
	if (room)
		poke(vmm->inbox_fd);
	return room;
}

static bool
inbox_take(struct vmm *vmm, uint8_t *message, uint32_t *bytes)
{
	bool any;

	pthread_mutex_lock(&vmm->inbox_lock);
	any = vmm->inbox_count > 0;
	if (any) {
		*bytes = vmm->inbox[vmm->inbox_first].bytes;
		memcpy(message, vmm->inbox[vmm->inbox_first].payload, *bytes);
		vmm->inbox_first = (vmm->inbox_first + 1) % INBOX_MAX;
		vmm->inbox_count--;
	}
	pthread_mutex_unlock(&vmm->inbox_lock);
	return any;
}

/* A guest that does not take its answers is not asked for more: its posts find
 * no buffers. */
static void
inbox_work(struct vmm *vmm)
{
	uint8_t message[VMBUS_MESSAGE_MAX] __attribute__((aligned(8)));
	uint32_t bytes;

	while (vmm->synic.waiting < SYNIC_MESSAGES_MAX / 2 && inbox_take(vmm, message, &bytes))
		vmbus_receive(&vmm->vmbus, message, bytes);
}

static void
on_inbox(void *arg, uint32_t events)
{
	struct vmm *vmm = arg;

	(void)events;
	drain(vmm->inbox_fd);
	inbox_work(vmm);
}

/* ---- what VMBus needs of the machine ---- */

static void
on_retry(void *arg)
{
	struct vmm *vmm = arg;

	vmm_synic_deliver(&vmm->synic);
	inbox_work(vmm);
	if (vmm->synic.waiting > 0)
		engine_timer_arm(&vmm->retry_timer, engine_now_ns() + RETRY_NS, on_retry, vmm);
}

static void
machine_post(void *arg, uint32_t vp, const void *message, uint32_t bytes)
{
	struct vmm *vmm = arg;

	vmm_synic_post(&vmm->synic, vp, message, bytes);
	if (vmm->synic.waiting > 0 && !vmm->retry_timer.armed)
		engine_timer_arm(&vmm->retry_timer, engine_now_ns() + RETRY_NS, on_retry, vmm);
}

static void
machine_flag(void *arg, uint32_t vp, uint32_t relid)
{
	struct vmm *vmm = arg;

	vmm_synic_flag(&vmm->synic, vp, relid);
}

static int
machine_map(void *arg, const uint64_t *pages, uint32_t count, uint8_t **base)
{
	const struct vmm *vmm = arg;

	return vmm_memory_map(&vmm->memory, pages, count, base);
}

static void
machine_unmap(void *arg, uint8_t *base, uint32_t count)
{
	(void)arg;
	vmm_memory_unmap(base, count);
}

static uint8_t *
machine_page(void *arg, uint64_t page_number)
{
	const struct vmm *vmm = arg;

	if (page_number > UINT64_MAX >> HV_PAGE_SHIFT)
		return NULL;
	return vmm_memory_at(&vmm->memory, page_number << HV_PAGE_SHIFT, HV_PAGE_BYTES);
}

static void
on_signal_fd(void *arg, uint32_t events)
{
	struct hv_channel *channel = arg;

	(void)events;
	drain(channel->signal_fd);
	vmbus_signalled(channel);
}

static void
machine_unlisten(void *arg, struct hv_channel *channel)
{
	struct vmm *vmm = arg;

	if (channel->signal_fd < 0)
		return;
	kvm_signal_assign(vmm, VMBUS_SIGNAL_ID(channel->relid), channel->signal_fd, false);
	engine_fd_remove(channel->signal_fd);
	close(channel->signal_fd);
	channel->signal_fd = -1;
}

static int
machine_listen(void *arg, struct hv_channel *channel)
{
	struct vmm *vmm = arg;
	int ret;

	channel->signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (channel->signal_fd < 0)
		return -errno;
	ret = engine_fd_add(channel->signal_fd, EPOLLIN, on_signal_fd, channel);
	if (ret == 0)
		ret = kvm_signal_assign(vmm, VMBUS_SIGNAL_ID(channel->relid), channel->signal_fd,
			true);
	if (ret < 0)
		machine_unlisten(arg, channel);
	return ret;
}

static const struct vmbus_machine machine = {
	.post = machine_post,
	.flag = machine_flag,
	.map = machine_map,
	.unmap = machine_unmap,
	.page = machine_page,
	.listen = machine_listen,
	.unlisten = machine_unlisten,
};

/* ---- the poller: monitor page, console ---- */

static unsigned int
poll_vmm(void *arg)
{
	struct vmm *vmm = arg;

	if (engine_now_ns() >= console_next_ns) {
		console_round(vmm);
		console_next_ns = engine_now_ns() + CONSOLE_NS;
	}
	return vmbus_monitor_look(&vmm->vmbus);
}

static bool
poll_prepare_sleep(void *arg)
{
	struct vmm *vmm = arg;

	return !vmbus_monitor_pending(&vmm->vmbus);
}

static uint64_t
poll_next_ns(void *arg)
{
	struct vmm *vmm = arg;
	uint64_t monitor = vmbus_monitor_next_ns(&vmm->vmbus);

	return HV_MIN(monitor, console_next_ns);
}

/* ---- run, reset, end ---- */

static int
machine_boot(struct vmm *vmm, char *error, size_t bytes)
{
	const struct vmm_boot boot = {
		.kernel = vmm->config.kernel, .initrd = vmm->config.initrd,
		.cmdline = vmm->config.cmdline, .cpus = vmm->config.cpus,
	};
	int ret = vmm_boot_load(&vmm->memory, &boot, &vmm->entry, error, bytes);

	return ret < 0 ? ret : kvm_machine_create(vmm, error, bytes);
}

/* As the power button: nothing of the guest's is left. */
static void
machine_halt(struct vmm *vmm)
{
	vcpu_stop_all(vmm);
	vmbus_reset(&vmm->vmbus);
	engine_timer_cancel(&vmm->retry_timer);
	vmm_synic_reset(&vmm->synic);
	vmm->inbox_count = 0;
}

static void
machine_reset(struct vmm *vmm)
{
	char error[512];
	int ret;

	vmm->resets++;
	log_info("%s: reset", vmm->vmbus.name);
	machine_halt(vmm);
	kvm_machine_destroy(vmm);
	vmm_memory_clear(&vmm->memory);
	ports_reset(vmm);
	__atomic_store_n(&vmm->event, VMM_RUNS, __ATOMIC_RELEASE);
	ret = machine_boot(vmm, error, sizeof(error));
	if (ret == 0) {
		ret = vcpu_start_all(vmm);
		snprintf(error, sizeof(error), "CPU threads: %s", strerror(-ret));
	}
	if (ret < 0) {
		log_error("the guest cannot start again: %s", error);
		engine_stop(1);
	}
}

static void
on_event(void *arg, uint32_t events)
{
	struct vmm *vmm = arg;
	enum vmm_event event = __atomic_load_n(&vmm->event, __ATOMIC_ACQUIRE);

	(void)events;
	drain(vmm->event_fd);
	vmm_synic_deliver(&vmm->synic);
	if (event == VMM_RUNS)
		return;
	if (event == VMM_RESET && !vmm->config.no_reboot) {
		machine_reset(vmm);
		return;
	}
	if (event == VMM_RESET)
		log_notice("%s: reset, which ends the run", vmm->vmbus.name);
	machine_halt(vmm);
	engine_stop(event == VMM_FAILED ? 1 : 0);
}

static void
on_ack(void *arg, uint32_t events)
{
	const struct synic_vp *v = arg;

	(void)events;
	drain(v->ack_fd);
	vmm_synic_deliver(&guest->synic);
	inbox_work(guest);
}

static void
com1_line(void *arg, bool high)
{
	kvm_irq(arg, 4, high);
}

static void
com2_line(void *arg, bool high)
{
	kvm_irq(arg, 3, high);
}

static int
descriptors_create(struct vmm *vmm)
{
	int ret;

	vmm->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vmm->inbox_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm->event_fd < 0 || vmm->inbox_fd < 0)
		return -errno;
	ret = engine_fd_add(vmm->event_fd, EPOLLIN, on_event, vmm);
	if (ret == 0)
		ret = engine_fd_add(vmm->inbox_fd, EPOLLIN, on_inbox, vmm);
	for (uint32_t vp = 0; vp < vmm->synic.vps && ret == 0; vp++)
		ret = engine_fd_add(vmm->synic.vp[vp].ack_fd, EPOLLIN, on_ack,
			&vmm->synic.vp[vp]);
	return ret;
}

static int
parts_create(struct vmm *vmm, char *error, size_t bytes)
{
	int ret = kvm_open(vmm, error, bytes);

	if (ret < 0)
		return ret;
	snprintf(error, bytes, "the guest's memory");
	ret = vmm_memory_create(&vmm->memory, vmm->config.memory_bytes);
	if (ret == 0)
		ret = vmm_synic_create(&vmm->synic, &vmm->memory, vmm->config.cpus);
	if (ret == 0)
		ret = descriptors_create(vmm);
	if (ret == 0)
		ret = console_com2_start(vmm);
	return ret < 0 ? ret : machine_boot(vmm, error, bytes);
}

struct hv_guest *
vmm_create(const struct config_guest *config, const char *folder, char *error,
	unsigned int error_bytes)
{
	struct vmm *vmm = guest == NULL ? calloc(1, sizeof(*vmm)) : NULL;

	(void)folder;
	if (vmm == NULL || config->isolated) {
		snprintf(error, error_bytes, "%s: hvsim boot has one guest, not isolated",
			config->name);
		free(vmm);
		return NULL;
	}
	guest = vmm;
	vmm->config = configured;
	vmm->kvm_fd = vmm->vm_fd = vmm->memory.fd = vmm->com2_fd = -1;
	vmm->event_fd = vmm->inbox_fd = -1;
	pthread_mutex_init(&vmm->inbox_lock, NULL);
	vmm_uart_init(&vmm->com[0], STDOUT_FILENO, com1_line, vmm);
	vmm_uart_init(&vmm->com[1], -1, com2_line, vmm);
	vmm->pm1_control = 1;
	vmbus_init(&vmm->vmbus, config->name, vmm->config.cpus, vmm->config.vmbus_version,
		&machine, vmm);
	if (parts_create(vmm, error, error_bytes) < 0) {
		vmm_destroy();
		return NULL;
	}
	vmm->poller = (struct engine_poller) {
		.poll = poll_vmm, .prepare_sleep = poll_prepare_sleep, .next_ns = poll_next_ns,
		.arg = vmm,
	};
	engine_poller_add(&vmm->poller);
	return (struct hv_guest *)(void *)&vmm->vmbus;
}

struct hv_guest *
vmm_find(const char *name)
{
	if (guest == NULL || strcmp(guest->vmbus.name, name) != 0)
		return NULL;
	return (struct hv_guest *)(void *)&guest->vmbus;
}

const char *
vmm_name(void)
{
	return guest == NULL ? NULL : guest->vmbus.name;
}

int
vmm_start(void)
{
	console_start(guest);
	return vcpu_start_all(guest);
}

void
vmm_report(void)
{
	if (guest == NULL)
		return;
	vcpu_stop_all(guest);
	vcpu_log(guest);
}

bool
vmm_crashed(void)
{
	return guest != NULL && __atomic_load_n(&guest->crashed, __ATOMIC_RELAXED);
}

static void
descriptor_close(int fd)
{
	if (fd < 0)
		return;
	engine_fd_remove(fd);
	close(fd);
}

/* Takes halves. */
void
vmm_destroy(void)
{
	struct vmm *vmm = guest;

	if (vmm == NULL)
		return;
	machine_halt(vmm);
	vmbus_fini(&vmm->vmbus);
	console_stop(vmm);
	engine_poller_remove(&vmm->poller);
	kvm_machine_destroy(vmm);
	descriptor_close(vmm->event_fd);
	descriptor_close(vmm->inbox_fd);
	for (uint32_t vp = 0; vp < vmm->synic.vps; vp++)
		engine_fd_remove(vmm->synic.vp[vp].ack_fd);
	vmm_synic_destroy(&vmm->synic);
	vmm_memory_destroy(&vmm->memory);
	if (vmm->kvm_fd >= 0)
		close(vmm->kvm_fd);
	pthread_mutex_destroy(&vmm->inbox_lock);
	free(vmm);
	guest = NULL;
}

void
vmm_stats(struct stat_sink *sink)
{
	uint64_t exits = 0;

	if (guest == NULL)
		return;
	for (unsigned int id = 0; id < guest->config.cpus; id++)
		exits += __atomic_load_n(&guest->vcpu[id].exits, __ATOMIC_RELAXED);
	stat_emit(sink, "exits", exits);
	stat_emit(sink, "resets", guest->resets);
	stat_emit(sink, "crashed", vmm_crashed());
	stat_emit(sink, "messages_waiting", guest->synic.waiting);
	stat_emit(sink, "message_slot_busy", guest->synic.busy);
	stat_emit(sink, "event_flags", guest->synic.flags);
	stat_emit(sink, "event_flags_lost", guest->synic.flags_lost);
	vmbus_stats(&guest->vmbus, sink);
}
