/* SPDX-License-Identifier: BSD-3-Clause */

/* hvsim's control socket: a client that sends the input and hangs up, and reads
 * all the answers. The machine behind does nothing but remember. */

#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "../control/fake_machine.h"
#include "control/control.h"
#include "control/control_private.h"
#include "control/machine.h"
#include "core/engine.h"
#include "core/log.h"

#define INPUT_MAX 65536u

static struct config config;
static char answers[1 << 20];
static size_t answers_used;

static void
machine_create(void)
{
	static bool made;
	char folder[] = "/dev/shm/fuzz_hvsim_socket.XXXXXX", error[512];

	if (made)
		return;
	made = true;
	log_set_level(LOG_ERROR);
	/* A request may name a file to write: not one that matters. */
	fuzz_check(mkdtemp(folder) != NULL && chdir(folder) == 0 && rmdir(folder) == 0);
	fuzz_check(engine_init(ENGINE_POLL_ADAPTIVE, NULL) == 0);
	config_init(&config);
	machine_know_profiles();
	fuzz_check(config_add_nic(&config, "queues=2,port=echo", error, sizeof(error)) == 0);
	fuzz_check(config_finish(&config, error, sizeof(error)) == 0);
	fuzz_check(machine_start(&config, "/fake", error, sizeof(error)) == 0);
}

/* Until the host hangs up, as it does when it has answered all. */
static void
client_ready(void *arg, uint32_t events)
{
	int fd = *(int *)arg;
	ssize_t n = recv(fd, answers, sizeof(answers), 0);

	(void)events;
	fuzz_check(n <= 0 || answers[0] == '{' || answers_used != 0);
	if (n > 0)
		answers_used += (size_t)n;
	else
		engine_stop(0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2];

	if (size > INPUT_MAX)
		return 0;
	machine_create();
	answers_used = 0;
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	fuzz_check(control_serve_fd(fds[1]) == 0);
	if (size != 0 && send(fds[0], data, size, MSG_NOSIGNAL) < 0)
		perror("send");
	shutdown(fds[0], SHUT_WR);
	fuzz_check(engine_fd_add(fds[0], EPOLLIN, client_ready, &fds[0]) == 0);
	engine_run();
	engine_fd_remove(fds[0]);
	close(fds[0]);
	/* Whatever it asked to be stopped or traced, the next client starts anew. */
	control_stop();
	return 0;
}
