/* SPDX-License-Identifier: BSD-3-Clause */

/* See uart.h. Registers: PC16550D data sheet. */

#include "uart.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../core/util.h"

enum {
	REG_DATA, REG_IER, REG_IIR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH,
};
#define IER_INPUT 0x01
#define IER_TRANSMIT 0x02
#define IIR_NONE 0x01
#define IIR_TRANSMIT 0x02
#define IIR_INPUT 0x04
#define IIR_FIFO 0xc0
#define LCR_DIVISOR 0x80
#define LSR_INPUT 0x01
#define LSR_TRANSMIT 0x60       /* empty, always: we are faster than any line */
#define MSR_CONNECTED 0xb0
/* How long a reader of the output may keep the guest waiting. */
#define WRITE_WAIT_MS 1000

static void
line_update(struct vmm_uart *uart)
{
	bool high = ((uart->ier & IER_INPUT) != 0 && uart->input_count > 0) ||
		((uart->ier & IER_TRANSMIT) != 0 && uart->transmit_pending);

	if (high == uart->line_high)
		return;
	uart->line_high = high;
	uart->line(uart->line_arg, high);
}

static void
flush_locked(struct vmm_uart *uart)
{
	uint32_t done = 0;

	while (uart->out_fd >= 0 && done < uart->text_bytes) {
		ssize_t n = write(uart->out_fd, uart->text + done, uart->text_bytes - done);
		struct pollfd wait = { .fd = uart->out_fd, .events = POLLOUT };

		if (n > 0)
			done += (uint32_t)n;
		else if (n < 0 && errno == EAGAIN && poll(&wait, 1, WRITE_WAIT_MS) > 0)
			continue;
		else
			break;          /* nobody reads it */
	}
	uart->text_bytes = 0;
}

static void
put_byte(struct vmm_uart *uart, uint8_t byte)
{
	uart->text[uart->text_bytes++] = byte;
	if (byte == '\n' || uart->text_bytes == sizeof(uart->text))
		flush_locked(uart);
}

static uint8_t
get_byte(struct vmm_uart *uart)
{
	uint8_t byte = 0;

	if (uart->input_count == 0)
		return 0;
	byte = uart->input[uart->input_first];
	uart->input_first = (uart->input_first + 1) % UART_INPUT_MAX;
	uart->input_count--;
	return byte;
}

static uint8_t
interrupt_reason(struct vmm_uart *uart)
{
	uint8_t fifo = uart->fifo ? IIR_FIFO : 0;

	if ((uart->ier & IER_INPUT) != 0 && uart->input_count > 0)
		return fifo | IIR_INPUT;
	if ((uart->ier & IER_TRANSMIT) != 0 && uart->transmit_pending) {
		uart->transmit_pending = false;         /* reading it acknowledges */
		return fifo | IIR_TRANSMIT;
	}
	return fifo | IIR_NONE;
}

static uint8_t
read_locked(struct vmm_uart *uart, unsigned int reg)
{
	bool divisor = (uart->lcr & LCR_DIVISOR) != 0;

	switch (reg) {
	case REG_DATA:
		return divisor ? uart->divisor[0] : get_byte(uart);
	case REG_IER:
		return divisor ? uart->divisor[1] : uart->ier;
	case REG_IIR:
		return interrupt_reason(uart);
	case REG_LCR:
		return uart->lcr;
	case REG_MCR:
		return uart->mcr;
	case REG_LSR:
		return LSR_TRANSMIT | (uart->input_count > 0 ? LSR_INPUT : 0);
	case REG_MSR:
		return MSR_CONNECTED;
	default:
		return uart->scratch;
	}
}

static void
write_locked(struct vmm_uart *uart, unsigned int reg, uint8_t value)
{
	bool divisor = (uart->lcr & LCR_DIVISOR) != 0;

	if (divisor && reg <= REG_IER) {
		uart->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case REG_DATA:
		put_byte(uart, value);
		uart->transmit_pending = true;
		break;
	case REG_IER:
		if ((value & IER_TRANSMIT) != 0 && (uart->ier & IER_TRANSMIT) == 0)
			uart->transmit_pending = true;
		uart->ier = value & 0x0f;
		break;
	case REG_IIR:           /* the FIFO control register when written */
		uart->fifo = (value & 1) != 0;
		break;
	case REG_LCR:
		uart->lcr = value;
		break;
	case REG_MCR:
		uart->mcr = value;
		break;
	case REG_SCRATCH:
		uart->scratch = value;
		break;
	default:
		break;
	}
}

uint8_t
vmm_uart_read(struct vmm_uart *uart, unsigned int reg)
{
	uint8_t value;

	pthread_mutex_lock(&uart->lock);
	value = read_locked(uart, reg);
	line_update(uart);
	pthread_mutex_unlock(&uart->lock);
	return value;
}

void
vmm_uart_write(struct vmm_uart *uart, unsigned int reg, uint8_t value)
{
	pthread_mutex_lock(&uart->lock);
	write_locked(uart, reg, value);
	line_update(uart);
	pthread_mutex_unlock(&uart->lock);
}

uint32_t
vmm_uart_input(struct vmm_uart *uart, const uint8_t *data, uint32_t bytes)
{
	uint32_t n = 0;

	pthread_mutex_lock(&uart->lock);
	for (; n < bytes && uart->input_count < UART_INPUT_MAX; n++) {
		uart->input[(uart->input_first + uart->input_count) % UART_INPUT_MAX] = data[n];
		uart->input_count++;
	}
	line_update(uart);
	pthread_mutex_unlock(&uart->lock);
	return n;
}

uint32_t
vmm_uart_room(struct vmm_uart *uart)
{
	uint32_t room;

	pthread_mutex_lock(&uart->lock);
	room = UART_INPUT_MAX - uart->input_count;
	pthread_mutex_unlock(&uart->lock);
	return room;
}

void
vmm_uart_flush(struct vmm_uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	flush_locked(uart);
	pthread_mutex_unlock(&uart->lock);
}

void
vmm_uart_init(struct vmm_uart *uart, int out_fd, void (*line)(void *arg, bool high),
	void *line_arg)
{
	memset(uart, 0, sizeof(*uart));
	pthread_mutex_init(&uart->lock, NULL);
	uart->out_fd = out_fd;
	uart->line = line;
	uart->line_arg = line_arg;
}

void
vmm_uart_reset(struct vmm_uart *uart)
{
	pthread_mutex_lock(&uart->lock);
	flush_locked(uart);
	uart->ier = uart->lcr = uart->mcr = uart->scratch = 0;
	uart->fifo = uart->transmit_pending = uart->line_high = false;
	pthread_mutex_unlock(&uart->lock);
}
