/* SPDX-License-Identifier: BSD-3-Clause */

/* See console.h. */

#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../core/log.h"

#define ESCAPE 0x01             /* Ctrl-A */
#define READ_BYTES 256u
#define COM2_END_TRIES 100      /* of 10 ms */

static struct {
	struct termios saved;
	bool raw, watched, full[2];
	bool escape;
} console;

/* Ctrl-A x ends, Ctrl-A Ctrl-A is one Ctrl-A; returns what is left. */
static uint32_t
escapes_take(uint8_t *data, uint32_t bytes)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < bytes; i++) {
		bool escape = console.escape;

		console.escape = !escape && data[i] == ESCAPE;
		if (escape && data[i] == 'x')
			engine_stop(0);
		else if (!console.escape)
			data[kept++] = data[i];
	}
	return kept;
}

static void
input_ready(struct vmm *vmm, unsigned int which, int fd)
{
	uint8_t data[READ_BYTES];
	uint32_t room = vmm_uart_room(&vmm->com[which]);
	ssize_t n;

	if (room < sizeof(data)) {
		console.full[which] = true;
		engine_fd_modify(fd, 0);
		return;
	}
	n = read(fd, data, sizeof(data));
	if (n <= 0) {
		engine_fd_remove(fd);
		return;
	}
	if (which == 0 && console.raw)
		n = escapes_take(data, (uint32_t)n);
	vmm_uart_input(&vmm->com[which], data, (uint32_t)n);
}

static void
on_stdin(void *arg, uint32_t events)
{
	(void)events;
	input_ready(arg, 0, STDIN_FILENO);
}

static void
on_com2(void *arg, uint32_t events)
{
	struct vmm *vmm = arg;

	(void)events;
	input_ready(vmm, 1, vmm->com2_fd);
}

void
console_start(struct vmm *vmm)
{
	struct termios raw;

	memset(&console, 0, sizeof(console));
	/* Files and /dev/null are no input that could be waited for. */
	if (engine_fd_add(STDIN_FILENO, EPOLLIN, on_stdin, vmm) < 0)
		return;
	console.watched = true;
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &console.saved) < 0)
		return;
	raw = console.saved;
	cfmakeraw(&raw);
	console.raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void
com2_child(const struct vmm *vmm, int fd)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", vmm->config.com2, (char *)NULL);
	_exit(127);
}

int
console_com2_start(struct vmm *vmm)
{
	int fds[2];

	if (vmm->config.com2 == NULL)
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	vmm->com2_pid = fork();
	if (vmm->com2_pid == 0)
		com2_child(vmm, fds[1]);
	close(fds[1]);
	if (vmm->com2_pid < 0) {
		close(fds[0]);
		return -errno;
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	vmm->com2_fd = fds[0];
	vmm->com[1].out_fd = fds[0];
	return engine_fd_add(fds[0], EPOLLIN, on_com2, vmm);
}

/* Its input has ended: it should end by itself. */
static void
com2_stop(struct vmm *vmm)
{
	if (vmm->com2_fd < 0)
		return;
	engine_fd_remove(vmm->com2_fd);
	vmm->com[1].out_fd = -1;
	close(vmm->com2_fd);
	vmm->com2_fd = -1;
	for (int i = 0; i < COM2_END_TRIES; i++) {
		if (waitpid(vmm->com2_pid, NULL, WNOHANG) != 0)
			return;
		usleep(10000);
	}
	kill(vmm->com2_pid, SIGKILL);
	waitpid(vmm->com2_pid, NULL, 0);
}

void
console_stop(struct vmm *vmm)
{
	vmm_uart_flush(&vmm->com[0]);
	if (console.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &console.saved);
	if (console.watched)
		engine_fd_remove(STDIN_FILENO);
	console.raw = console.watched = false;
	com2_stop(vmm);
}

void
console_round(struct vmm *vmm)
{
	const int fds[2] = { STDIN_FILENO, vmm->com2_fd };

	for (unsigned int i = 0; i < ARRAY_SIZE(vmm->com); i++) {
		vmm_uart_flush(&vmm->com[i]);
		if (console.full[i] && vmm_uart_room(&vmm->com[i]) >= READ_BYTES) {
			console.full[i] = false;
			engine_fd_modify(fds[i], EPOLLIN);
		}
	}
}
