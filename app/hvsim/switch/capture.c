/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Captures at a port: a pcapng file of what enters and leaves the switch
 * there. Inbound is what came into the switch at the port.
 */

#include <errno.h>
#include <stdlib.h>

#include "../core/engine.h"
#include "pcapng.h"
#include "segment.h"

struct sw_capture {
	struct pcapng file;
};

int
sw_capture_start(struct sw_port *port, const char *path, uint32_t snap_bytes)
{
	struct sw_capture *capture;
	int ret;

	if (port->capture != NULL)
		return -EBUSY;
	capture = calloc(1, sizeof(*capture));
	if (capture == NULL)
		return -ENOMEM;
	ret = pcapng_open(&capture->file, path, port->name, snap_bytes);
	if (ret < 0) {
		free(capture);
		return ret;
	}
	port->capture = capture;
	return 0;
}

void
sw_capture_stop(struct sw_port *port)
{
	if (port->capture == NULL)
		return;
	pcapng_close(&port->capture->file);
	free(port->capture);
	port->capture = NULL;
}

void
capture_frames(struct sw_capture *capture, const struct frame *frames, unsigned int n,
	bool received)
{
	uint64_t now_ns = engine_clock_ns();

	for (unsigned int i = 0; i < n; i++)
		pcapng_write(&capture->file, &frames[i],
			received ? PCAPNG_INBOUND : PCAPNG_OUTBOUND, now_ns);
}

void
capture_stats(const struct sw_capture *capture, struct stat_sink *sink)
{
	stat_emit(sink, "capture_frames", capture->file.frames);
	stat_emit(sink, "capture_bytes", capture->file.bytes);
	stat_emit(sink, "capture_drops", capture->file.drops);
}
