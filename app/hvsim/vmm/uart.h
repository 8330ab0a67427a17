/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HVSIM_VMM_UART_H
#define HVSIM_VMM_UART_H

/*
 * A 16550. Its registers are used by virtual CPUs' threads, its other end by
 * the engine's: one lock. What the guest writes is gathered into lines, as
 * each byte would else be a system call.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define UART_PORTS 8u
#define UART_INPUT_MAX 4096u
#define UART_LINE_MAX 512u

struct vmm_uart {
	pthread_mutex_t lock;
	int out_fd;             /* -1: output is dropped */
	/* Sets the interrupt line; called with the lock held. */
	void (*line)(void *arg, bool high);
	void *line_arg;
	uint8_t ier, lcr, mcr, scratch, divisor[2];
	bool fifo, transmit_pending, line_high;
	uint8_t input[UART_INPUT_MAX];
	uint32_t input_first, input_count;
	uint8_t text[UART_LINE_MAX];
	uint32_t text_bytes;
};

void vmm_uart_init(struct vmm_uart *uart, int out_fd, void (*line)(void *arg, bool high),
	void *line_arg);
/* The machine was reset. Input that waits stays. */
void vmm_uart_reset(struct vmm_uart *uart);
uint8_t vmm_uart_read(struct vmm_uart *uart, unsigned int reg);
void vmm_uart_write(struct vmm_uart *uart, unsigned int reg, uint8_t value);
/* Gives the guest input; returns how many bytes it took. */
uint32_t vmm_uart_input(struct vmm_uart *uart, const uint8_t *data, uint32_t bytes);
uint32_t vmm_uart_room(struct vmm_uart *uart);
/* Writes out what was gathered. */
void vmm_uart_flush(struct vmm_uart *uart);

#endif /* HVSIM_VMM_UART_H */
