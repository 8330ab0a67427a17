/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_UNIX_SOCKET_H
#define HVSIM_UNIX_SOCKET_H

/* Unix stream sockets at paths of any length: what a sockaddr_un cannot hold
 * is reached through the descriptor of its folder. */

/* Both return a close-on-exec descriptor or -errno. */
int unix_listen(const char *path);      /* -EADDRINUSE if somebody listens there */
int unix_connect(const char *path);

#endif /* HVSIM_UNIX_SOCKET_H */
