/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Capture files as a port: replays one (whatever libpcap reads), records into
 * another (pcapng), or both. A replay starts when the other end of its wire
 * is ready, so that nothing is lost to a guest that still boots.
 */

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../core/engine.h"
#include "../core/file.h"
#include "../core/log.h"
#include "../core/units.h"
#include "../core/util.h"
#include "pace.h"
#include "pcapng.h"
#include "port.h"
#include "segment.h"

#define BATCH 64u
#define WAIT_NS 1000000u
#define PATH_BYTES 4096u

enum replay_rate {
	REPLAY_RECORDED,
	REPLAY_MAX,
	REPLAY_PACED,
};

enum replay_state {
	REPLAY_NONE,            /* nothing to replay */
	REPLAY_WAITING,         /* for the other end to be ready */
	REPLAY_SENDING,
	REPLAY_FINISHED,
};

/* The file that is replayed, one frame ahead. */
struct replay {
	char path[PATH_BYTES];
	enum replay_state state;
	enum replay_rate rate;
	double rate_pps;
	uint64_t loops;         /* 0 = for ever */
	pcap_t *pcap;
	struct pace pace;
	uint64_t base_ns;       /* engine time of the file's first frame */
	uint64_t first_ns;      /* timestamp of that frame */
	bool first_known;
	bool ahead;             /* `header` and `data` are the next frame */
	struct pcap_pkthdr *header;
	const uint8_t *data;
	uint64_t loop_frames;   /* of the current run through the file */
	uint64_t sent, host_drops, loops_done, too_long, truncated;
	bool failed;
};

struct pcap_port {
	struct sw_port port;
	struct engine_poller poller;
	struct replay replay;
	char record_path[PATH_BYTES];
	bool recording;
	struct pcapng record;
	uint8_t *buffers;
};

/* ---- options ---- */

static int
set_replay(void *config, const char *value)
{
	return port_parse_text(value, ((struct pcap_port *)config)->replay.path, PATH_BYTES);
}

static int
set_record(void *config, const char *value)
{
	return port_parse_text(value, ((struct pcap_port *)config)->record_path, PATH_BYTES);
}

static int
set_rate(void *config, const char *value)
{
	struct replay *replay = &((struct pcap_port *)config)->replay;

	if (strcmp(value, "recorded") == 0) {
		replay->rate = REPLAY_RECORDED;
		return 0;
	}
	if (units_parse_pps(value, &replay->rate_pps) < 0 || replay->rate_pps > 1e9)
		return -EINVAL;
	replay->rate = replay->rate_pps > 0 ? REPLAY_PACED : REPLAY_MAX;
	return 0;
}

static int
set_loop(void *config, const char *value)
{
	return units_parse_uint(value, &((struct pcap_port *)config)->replay.loops);
}

static const struct port_option pcap_options[] = {
	{ "replay", set_replay, "the path of a capture file" },
	{ "record", set_record, "the path of a file to write" },
	{ "rate", set_rate, "recorded, max, or a rate such as 1Mpps" },
	{ "loop", set_loop, "a number of times, or 0 for ever" },
	{ NULL },
};

/* ---- reading the file ---- */

/* Opens the file from its start; on failure writes why to `why`. */
static int
replay_open(struct replay *replay, char why[PCAP_ERRBUF_SIZE])
{
	FILE *file = file_open(replay->path, "r");

	replay->ahead = false;
	replay->first_known = false;
	replay->loop_frames = 0;
	if (file == NULL) {
		snprintf(why, PCAP_ERRBUF_SIZE, "%.180s: %s", replay->path,
			errno == EINVAL ? "not a regular file" : strerror(errno));
		return -EINVAL;
	}
	replay->pcap = pcap_fopen_offline_with_tstamp_precision(file,
		PCAP_TSTAMP_PRECISION_NANO, why);
	if (replay->pcap == NULL) {
		fclose(file);
		return -EINVAL;
	}
	if (pcap_datalink(replay->pcap) != DLT_EN10MB) {
		snprintf(why, PCAP_ERRBUF_SIZE, "%.200s: its link type is not Ethernet",
			replay->path);
		return -EINVAL;
	}
	return 0;
}

static void
replay_close(struct replay *replay)
{
	if (replay->pcap != NULL)
		pcap_close(replay->pcap);
	replay->pcap = NULL;
	replay->ahead = false;
}

static void
replay_fail(struct replay *replay, const char *why)
{
	log_error("pcap: the replay ends after %llu frames of the file: %s",
		(unsigned long long)replay->loop_frames, why);
	replay->failed = true;
	replay->state = REPLAY_FINISHED;
	replay_close(replay);
}

/* At the end of the file: starts over if it is to be repeated. */
static bool
replay_rewind(struct replay *replay)
{
	char why[PCAP_ERRBUF_SIZE];
	bool empty = replay->loop_frames == 0;

	replay->loops_done++;
	replay_close(replay);
	if (empty || replay->loops_done == replay->loops) {
		replay->state = REPLAY_FINISHED;
		return false;
	}
	if (replay_open(replay, why) < 0) {
		replay_fail(replay, why);
		return false;
	}
	replay->base_ns = engine_now_ns();
	return true;
}

/* Has the next frame ready; false at the end of the replay. */
static bool
replay_look(struct replay *replay)
{
	while (!replay->ahead) {
		int ret = pcap_next_ex(replay->pcap, &replay->header, &replay->data);

		if (ret == PCAP_ERROR_BREAK) {
			if (!replay_rewind(replay))
				return false;
		} else if (ret != 1) {
			replay_fail(replay, pcap_geterr(replay->pcap));
			return false;
		} else if (replay->header->caplen > FRAME_BYTES_MAX ||
		    replay->header->caplen < FRAME_HEADER_BYTES) {
			replay->too_long++;
		} else {
			replay->ahead = true;
			replay->loop_frames++;
		}
	}
	return true;
}

/* When the frame ahead is due by its timestamp. */
static uint64_t
replay_due_ns(struct replay *replay)
{
	/* With nanosecond precision tv_usec counts nanoseconds. */
	uint64_t stamp = (uint64_t)replay->header->ts.tv_sec * 1000000000u +
		(uint64_t)replay->header->ts.tv_usec;

	if (!replay->first_known) {
		replay->first_ns = stamp;
		replay->first_known = true;
	}
	return replay->base_ns + (stamp > replay->first_ns ? stamp - replay->first_ns : 0);
}

/* ---- sending ---- */

/* How many frames may be sent now by the rate, at most BATCH. */
static unsigned int
replay_allowance(struct replay *replay, unsigned int room, uint64_t now_ns)
{
	uint64_t allowed = BATCH;

	if (replay->rate == REPLAY_MAX)
		allowed = room;
	else if (replay->rate == REPLAY_PACED)
		allowed = pace_due(&replay->pace, now_ns);
	return (unsigned int)HV_MIN(allowed, (uint64_t)BATCH);
}

/* Takes the frame ahead into a buffer. */
static void
replay_take(struct replay *replay, uint8_t *buffer, struct frame *frame)
{
	memcpy(buffer, replay->data, replay->header->caplen);
	*frame = (struct frame) {
		.data = buffer, .bytes = replay->header->caplen, .flags = FRAME_WRITABLE,
	};
	replay->truncated += replay->header->caplen < replay->header->len ? 1 : 0;
	replay->ahead = false;
}

static unsigned int
replay_collect(struct pcap_port *pcap, struct frame *frames, unsigned int most, uint64_t now_ns)
{
	struct replay *replay = &pcap->replay;
	unsigned int n = 0;

	while (n < most && replay_look(replay)) {
		if (replay->rate == REPLAY_RECORDED && replay_due_ns(replay) > now_ns)
			break;
		replay_take(replay, pcap->buffers + (size_t)n * FRAME_BYTES_MAX, &frames[n]);
		n++;
	}
	return n;
}

static void
replay_start(struct replay *replay, uint64_t now_ns)
{
	replay->state = REPLAY_SENDING;
	replay->base_ns = now_ns;
	if (replay->rate == REPLAY_PACED)
		pace_start(&replay->pace, replay->rate_pps, now_ns);
}

/* At full rate nothing is sent to nobody: it would all be lost. */
static unsigned int
replay_room(struct pcap_port *pcap)
{
	return pcap->replay.rate == REPLAY_MAX && !sw_ready(&pcap->port) ? 0 :
		sw_room(&pcap->port);
}

static unsigned int
pcap_poll(void *arg)
{
	struct pcap_port *pcap = arg;
	struct replay *replay = &pcap->replay;
	struct frame frames[BATCH];
	uint64_t now_ns = engine_now_ns();
	unsigned int room, n, send;

	if (replay->state == REPLAY_NONE || replay->state == REPLAY_FINISHED)
		return 0;
	room = replay_room(pcap);
	if (replay->state == REPLAY_WAITING && (room == 0 || !sw_ready(&pcap->port)))
		return 0;
	if (replay->state == REPLAY_WAITING)
		replay_start(replay, now_ns);
	n = replay_collect(pcap, frames, replay_allowance(replay, room, now_ns), now_ns);
	send = HV_MIN(n, room);
	if (replay->rate == REPLAY_PACED)
		pace_take(&replay->pace, n);
	replay->sent += send;
	replay->host_drops += n - send;
	sw_refuse(&pcap->port, n - send);
	sw_input(&pcap->port, frames, send);
	return n;
}

static uint64_t
pcap_next_ns(void *arg)
{
	struct replay *replay = &((struct pcap_port *)arg)->replay;

	if (replay->state == REPLAY_NONE || replay->state == REPLAY_FINISHED)
		return UINT64_MAX;
	if (replay->state == REPLAY_WAITING)
		return engine_now_ns() + WAIT_NS * 5;
	if (replay->rate == REPLAY_PACED)
		return pace_next_ns(&replay->pace);
	if (replay->rate == REPLAY_RECORDED && replay->ahead)
		return replay_due_ns(replay);
	return engine_now_ns() + WAIT_NS;
}

/* ---- the port ---- */

static void
pcap_output(struct sw_port *port, const struct frame *frames, unsigned int n)
{
	struct pcap_port *pcap = (struct pcap_port *)port;
	uint64_t now_ns;

	if (!pcap->recording)
		return;
	now_ns = engine_clock_ns();
	for (unsigned int i = 0; i < n; i++)
		pcapng_write(&pcap->record, &frames[i], PCAPNG_UNKNOWN, now_ns);
}

static void
pcap_destroy(struct sw_port *port)
{
	struct pcap_port *pcap = (struct pcap_port *)port;

	engine_poller_remove(&pcap->poller);
	replay_close(&pcap->replay);
	if (pcap->recording)
		pcapng_close(&pcap->record);
	free(pcap->buffers);
	free(pcap);
}

static void
pcap_port_stats(struct sw_port *port, struct stat_sink *stats)
{
	const struct pcap_port *pcap = (const struct pcap_port *)port;
	const struct replay *replay = &pcap->replay;

	if (replay->state != REPLAY_NONE) {
		stat_emit(stats, "replay_sent", replay->sent);
		stat_emit(stats, "replay_host_drops", replay->host_drops);
		stat_emit(stats, "replay_loops", replay->loops_done);
		stat_emit(stats, "replay_bad_length", replay->too_long);
		stat_emit(stats, "replay_truncated", replay->truncated);
		stat_emit(stats, "replay_finished", replay->state == REPLAY_FINISHED);
		stat_emit(stats, "replay_failed", replay->failed);
	}
	if (pcap->recording) {
		stat_emit(stats, "record_frames", pcap->record.frames);
		stat_emit(stats, "record_bytes", pcap->record.bytes);
		stat_emit(stats, "record_drops", pcap->record.drops);
	}
}

static const struct sw_port_ops pcap_ops = {
	.kind = "pcap",
	.output = pcap_output,
	.destroy = pcap_destroy,
	.stats = pcap_port_stats,
};

static int
pcap_start_replay(struct pcap_port *pcap, const struct port_request *request)
{
	char why[PCAP_ERRBUF_SIZE];

	if (replay_open(&pcap->replay, why) < 0) {
		port_error(request, "cannot replay %s", why);
		return -EINVAL;
	}
	pcap->buffers = malloc((size_t)BATCH * FRAME_BYTES_MAX);
	if (pcap->buffers == NULL) {
		port_error(request, "out of memory");
		return -ENOMEM;
	}
	pcap->replay.state = REPLAY_WAITING;
	pcap->poller.poll = pcap_poll;
	pcap->poller.next_ns = pcap_next_ns;
	pcap->poller.arg = pcap;
	engine_poller_add(&pcap->poller);
	return 0;
}

static int
pcap_start_record(struct pcap_port *pcap, const struct port_request *request)
{
	int ret = pcapng_open(&pcap->record, pcap->record_path, request->name, 0);

	if (ret < 0) {
		port_error(request, "cannot record into %.200s: %s", pcap->record_path,
			strerror(-ret));
		return ret;
	}
	pcap->recording = true;
	return 0;
}

static bool
same_file(const char *a, const char *b)
{
	struct stat first, second;

	return stat(a, &first) == 0 && stat(b, &second) == 0 &&
		first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static int
pcap_open_files(struct pcap_port *pcap, const struct port_request *request)
{
	if (pcap->replay.path[0] == '\0' && pcap->record_path[0] == '\0') {
		port_error(request, "nothing to do: give replay=FILE, record=FILE or both");
		return -EINVAL;
	}
	if (same_file(pcap->replay.path, pcap->record_path)) {
		port_error(request, "replay and record name the same file");
		return -EINVAL;
	}
	if (pcap->replay.path[0] != '\0' && pcap_start_replay(pcap, request) < 0)
		return -EINVAL;
	if (pcap->record_path[0] != '\0' && pcap_start_record(pcap, request) < 0)
		return -EINVAL;
	return 0;
}

static struct sw_port *
pcap_port_create(struct port_request *request)
{
	struct pcap_port *pcap = calloc(1, sizeof(*pcap));

	if (pcap == NULL)
		return port_error(request, "out of memory");
	port_init(&pcap->port, &pcap_ops, request->name);
	pcap->port.accepts_vlan_flag = true;    /* the writer puts tags in */
	pcap->replay.loops = 1;
	if (port_options(request, pcap_options, pcap) < 0 ||
	    pcap_open_files(pcap, request) < 0) {
		pcap_destroy(&pcap->port);
		return NULL;
	}
	return &pcap->port;
}

const struct port_kind port_kind_pcap = {
	.kind = "pcap",
	.help =
	"pcap:[replay=FILE,rate=RATE,loop=N],[record=FILE]\n"
	"  Replays a capture file (pcap or pcapng, Ethernet), records what it gets into\n"
	"  another (pcapng, nanoseconds), or both. A replay starts when the other end\n"
	"  of its wire is ready.\n"
	"    replay=FILE  the file to replay\n"
	"    rate=RATE    recorded (default), max = as much as there is room, or 1Mpps\n"
	"    loop=N       how often (default 1; 0: for ever)\n"
	"    record=FILE  the file to write; an existing one is replaced\n"
	"  Example: --nic port=pcap:replay=in.pcap,record=out.pcapng\n",
	.create = pcap_port_create,
};
