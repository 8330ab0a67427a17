/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_CONTROL_H
#define HVSIM_CONTROL_H

/*
 * The control socket: one JSON object a line each way, over a unix stream
 * socket. Request: {"v":1,"id":N,"cmd":"list",...}; answer: {"v":1,"id":N,
 * "ok":true,"result":{...}} or {"v":1,"id":N,"ok":false,"error":"..."}. A
 * subscription (trace, watch) then sends {"v":1,"event":...} lines. Slow
 * clients lose events, never block the engine.
 */

#define CONTROL_VERSION 1

/* Listens at `path`, which may be longer than a sockaddr_un holds. Returns 0
 * or -errno. */
int control_start(const char *path);
void control_stop(void);

#endif /* HVSIM_CONTROL_H */
