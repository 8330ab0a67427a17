/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_bus [EAL options] -- MODE: what an application does with devices at run
 * time. Like test_ethdev it knows nothing of netvsc or hvsim. One JSON object a
 * line; the exit status is 0 only if all went as it should.
 *
 *   ports               names of the ports there are, then ends
 *   plug N DEVARGS      N times probe, a little traffic, remove; says what the
 *                       process holds before and after
 *   refused N DEVARGS   N times a probe that fails
 *   rescind N DEVARGS   N times: traffic until the device is taken away, then
 *                       remove, and probe until it is there again
 *   blocked             two ports run until both are taken away, while the first
 *                       one's callback does not return
 *   cleanup             ends EAL while the port runs
 *   steady N            N times a burst there and back; how many page faults
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>

#define FRAMES 32u
#define FRAME_BYTES 200u
#define WAIT_SECONDS 30.0
#define WARM_UP 40u          /* until libc has its free lists full */

static struct rte_mempool *pool;
static uint32_t removed_events;

static int
say(const char *step, int err)
{
	if (err < 0)
		printf("{\"step\": \"%s\", \"error\": \"%s\"}\n", step, strerror(-err));
	else
		printf("{\"step\": \"%s\"}\n", step);
	fflush(stdout);
	return err;
}

static uint64_t
deadline(void)
{
	return rte_get_timer_cycles() + (uint64_t)(WAIT_SECONDS * (double)rte_get_timer_hz());
}

/* ---- what the process holds ---- */

static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count;
}

static unsigned int
count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned int count = 0;
	int c;

	while (file != NULL && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file != NULL)
		fclose(file);
	return count;
}

static void
count_memzone(const struct rte_memzone *zone, void *count)
{
	(void)zone;
	++*(unsigned int *)count;
}

static void
say_held(const char *when)
{
	struct rte_malloc_socket_stats stats = { 0 };
	unsigned int zones = 0;

	rte_malloc_get_socket_stats((int)rte_socket_id(), &stats);
	rte_memzone_walk(count_memzone, &zones);
	printf("{\"step\": \"held\", \"when\": \"%s\", \"fds\": %u, \"maps\": %u, \"heap\": %zu, "
		"\"rte_allocs\": %u, \"rte_bytes\": %zu, \"memzones\": %u, \"mbufs\": %u}\n", when,
		count_fds(), count_maps(), mallinfo2().uordblks, stats.alloc_count,
		stats.heap_allocsz_bytes, zones, rte_mempool_in_use_count(pool));
	fflush(stdout);
}

/* ---- a port's short life ---- */

static int
on_removed(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	(void)port;
	(void)type;
	(void)arg;
	(void)ret;
	__atomic_fetch_add(&removed_events, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int
port_up(uint16_t port)
{
	const struct rte_eth_conf conf = { .intr_conf.rmv = 1 };
	int ret = rte_eth_dev_configure(port, 1, 1, &conf);

	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, 256, rte_socket_id(), NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, 256, rte_socket_id(), NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret == 0)
		ret = rte_eth_promiscuous_enable(port);
	return ret;
}

static void
frame_fill(struct rte_mbuf *m)
{
	static const uint8_t header[14] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5 };
	char *data = rte_pktmbuf_append(m, FRAME_BYTES);

	if (data == NULL)               /* FRAME_BYTES always fit */
		return;
	memset(data, 0, FRAME_BYTES);
	memcpy(data, header, sizeof(header));
}

static uint16_t
receive(uint16_t port)
{
	struct rte_mbuf *m[FRAMES];
	uint16_t n = rte_eth_rx_burst(port, 0, m, FRAMES);

	rte_pktmbuf_free_bulk(m, n);
	return n;
}

/* Sends a burst and takes what comes back: 0, or -ETIMEDOUT. */
static int
traffic(uint16_t port)
{
	struct rte_mbuf *m[FRAMES];
	uint64_t end = deadline();
	unsigned int came = 0, sent = 0;

	if (rte_pktmbuf_alloc_bulk(pool, m, FRAMES) != 0)
		return -ENOMEM;
	for (unsigned int i = 0; i < FRAMES; i++)
		frame_fill(m[i]);
	while (came < FRAMES && rte_get_timer_cycles() < end) {
		sent += rte_eth_tx_burst(port, 0, m + sent, (uint16_t)(FRAMES - sent));
		came += receive(port);
	}
	rte_pktmbuf_free_bulk(m + sent, FRAMES - sent);
	return came < FRAMES ? -ETIMEDOUT : 0;
}

static int
port_remove(uint16_t port)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port, &info);

	return ret < 0 ? ret : rte_dev_remove(info.device);
}

static int
plug(const char *devargs, uint16_t *port)
{
	int ret = rte_dev_probe(devargs);

	/* The only port there is, however its name is spelt. */
	*port = (uint16_t)rte_eth_find_next(0);
	return ret < 0 ? ret : *port == RTE_MAX_ETHPORTS ? -ENODEV : 0;
}

/* ---- modes ---- */

static int
mode_ports(void)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port;

	RTE_ETH_FOREACH_DEV(port)
		if (rte_eth_dev_get_name_by_port(port, name) == 0)
			printf("{\"step\": \"port\", \"name\": \"%s\"}\n", name);
	return 0;
}

static int
mode_plug(unsigned int count, const char *devargs)
{
	for (unsigned int i = 0; i < count + WARM_UP; i++) {
		uint16_t port;
		int ret;

		if (i == WARM_UP)
			say_held("before");
		ret = plug(devargs, &port);
		if (ret < 0)
			return say("plug", ret);
		ret = port_up(port);
		if (ret == 0)
			ret = traffic(port);
		if (ret < 0)
			return say("traffic", ret);
		/* Every other one is removed as it runs. */
		if (i % 2 == 0)
			ret = rte_eth_dev_stop(port);
		if (ret == 0)
			ret = port_remove(port);
		if (ret < 0)
			return say("remove", ret);
	}
	say_held("after");
	return 0;
}

/* Probing must fail, and leave nothing. */
static int
mode_refused(unsigned int count, const char *devargs)
{
	for (unsigned int i = 0; i < count + WARM_UP; i++) {
		if (i == WARM_UP)
			say_held("before");
		if (rte_dev_probe(devargs) == 0)
			return say("refused", -EEXIST);
	}
	say_held("after");
	return 0;
}

/* The processor time of this thread. */
static uint64_t
ran_ms(void)
{
	struct timespec ran;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
	return (uint64_t)ran.tv_sec * 1000 + (uint64_t)ran.tv_nsec / 1000000;
}

/* Bursts until the event, then some more, which must move nothing. */
static int
until_removed(uint16_t port)
{
	uint64_t end = deadline();
	struct rte_mbuf *m;

	while (__atomic_load_n(&removed_events, __ATOMIC_SEQ_CST) == 0) {
		if (rte_get_timer_cycles() > end)
			return -ETIMEDOUT;
		m = rte_pktmbuf_alloc(pool);
		if (m != NULL)
			frame_fill(m);
		if (m != NULL && rte_eth_tx_burst(port, 0, &m, 1) == 0)
			rte_pktmbuf_free(m);
		receive(port);
	}
	m = rte_pktmbuf_alloc(pool);
	if (m == NULL)
		return -ENOMEM;
	frame_fill(m);
	/* Longer than the host leaves the rings in place to a thread that runs. */
	for (uint64_t until = ran_ms() + 120; ran_ms() < until;)
		if (receive(port) != 0 || rte_eth_tx_burst(port, 0, &m, 1) != 0)
			return -EPROTO;
	rte_pktmbuf_free(m);
	return __atomic_load_n(&removed_events, __ATOMIC_SEQ_CST) == 1 ? 0 : -EALREADY;
}

static int
plug_when_there(const char *devargs, uint16_t *port)
{
	uint64_t end = deadline();
	int ret;

	while ((ret = plug(devargs, port)) < 0 && rte_get_timer_cycles() < end)
		rte_delay_us_sleep(10000);
	return ret;
}

static int
mode_rescind(unsigned int count, const char *devargs)
{
	for (unsigned int i = 0; i < count; i++) {
		uint16_t port;
		int ret = plug_when_there(devargs, &port);

		__atomic_store_n(&removed_events, 0, __ATOMIC_SEQ_CST);
		if (ret == 0)
			ret = rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RMV,
				on_removed, NULL);
		if (ret == 0)
			ret = port_up(port);
		if (ret == 0)
			ret = traffic(port);
		if (say("running", ret) < 0)
			return ret;
		ret = until_removed(port);
		if (say("removed", ret) < 0)
			return ret;
		rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_RMV, on_removed, NULL);
		if (i % 2 == 0)
			ret = rte_eth_dev_stop(port);
		if (ret == 0)
			ret = port_remove(port);
		if (say("unplugged", ret) < 0)
			return ret;
		say_held("unplugged");
	}
	return 0;
}

static uint32_t callback_may_end;

static int
on_removed_waits(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	on_removed(port, type, arg, ret);
	while (!__atomic_load_n(&callback_may_end, __ATOMIC_SEQ_CST))
		rte_delay_us_sleep(1000);
	return 0;
}

/* Polls ports 0 and 1 while the first removal's callback keeps EAL's interrupt
 * thread: the second removal must stop the bursts all the same. */
static int
mode_blocked(void)
{
	uint64_t end = deadline(), both = 0;
	int ret = rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_RMV,
		on_removed_waits, NULL);

	for (uint16_t port = 0; port < 2 && ret == 0; port++)
		ret = port_up(port);
	if (say("running", ret) < 0)
		return ret;
	while (both == 0 || rte_get_timer_cycles() < both + rte_get_timer_hz() / 5) {
		for (uint16_t port = 0; port < 2; port++)
			receive(port);
		if (both == 0 && rte_eth_dev_is_removed(0) && rte_eth_dev_is_removed(1))
			both = rte_get_timer_cycles();
		if (rte_get_timer_cycles() > end)
			return say("blocked", -ETIMEDOUT);
	}
	printf("{\"step\": \"blocked\", \"events\": %u}\n",
		__atomic_load_n(&removed_events, __ATOMIC_SEQ_CST));
	__atomic_store_n(&callback_may_end, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&removed_events, __ATOMIC_SEQ_CST) < 2)
		if (rte_get_timer_cycles() > end)
			return say("events", -ETIMEDOUT);
	return 0;
}

/* One burst out, as many looks as it takes to get it back: how many calls. */
static unsigned int
round_trip(void)
{
	struct rte_mbuf *m[FRAMES];
	uint64_t end = deadline();
	unsigned int came = 0, sent = 0, calls = 0;

	if (rte_pktmbuf_alloc_bulk(pool, m, FRAMES) != 0)
		return 0;
	for (unsigned int i = 0; i < FRAMES; i++)
		frame_fill(m[i]);
	while (came < FRAMES && rte_get_timer_cycles() < end) {
		if (sent < FRAMES)
			sent += rte_eth_tx_burst(0, 0, m + sent, (uint16_t)(FRAMES - sent));
		came += receive(0);
		calls += 2;
	}
	rte_pktmbuf_free_bulk(m + sent, FRAMES - sent);
	return came < FRAMES ? 0 : calls;
}

/* What happens between the two getrusage() is the data path alone, for whoever
 * traces this program. */
static int
mode_steady(unsigned int count)
{
	struct rusage before, after;
	uint64_t calls = 0;
	int ret = port_up(0);

	for (unsigned int i = 0; i < 200 && ret == 0; i++)
		ret = round_trip() == 0 ? -ETIMEDOUT : 0;
	if (ret < 0)
		return say("steady", ret);
	getrusage(RUSAGE_THREAD, &before);
	for (unsigned int i = 0; i < count; i++)
		calls += round_trip();
	getrusage(RUSAGE_THREAD, &after);
	printf("{\"step\": \"steady\", \"round_trips\": %u, \"bursts\": %" PRIu64
		", \"faults\": %ld}\n", count, calls, after.ru_minflt + after.ru_majflt -
		before.ru_minflt - before.ru_majflt);
	return rte_eth_dev_stop(0);
}

static int
mode_cleanup(void)
{
	int ret = port_up(0);

	return say("running", ret == 0 ? traffic(0) : ret);
}

static int
run(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "ports") == 0)
		return mode_ports();
	if (strcmp(mode, "blocked") == 0)
		return mode_blocked();
	if (strcmp(mode, "cleanup") == 0)
		return mode_cleanup();
	if (argc == 3 && strcmp(mode, "steady") == 0)
		return mode_steady((unsigned int)atoi(argv[2]));
	if (argc == 4 && strcmp(mode, "plug") == 0)
		return mode_plug((unsigned int)atoi(argv[2]), argv[3]);
	if (argc == 4 && strcmp(mode, "refused") == 0)
		return mode_refused((unsigned int)atoi(argv[2]), argv[3]);
	if (argc == 4 && strcmp(mode, "rescind") == 0)
		return mode_rescind((unsigned int)atoi(argv[2]), argv[3]);
	return say("usage", -EINVAL);
}

int
main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv), ret;

	if (used < 0)
		return -say("eal", -rte_errno);
	pool = rte_pktmbuf_pool_create("bus", 2047, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		(int)rte_socket_id());
	ret = pool == NULL ? -ENOMEM : 0;
	if (ret == 0) {
		say_held("first");      /* looking takes memory, too, the first time */
		ret = run(argc - used, argv + used);
	}
	return say("cleanup", rte_eal_cleanup()) < 0 || ret < 0;
}
