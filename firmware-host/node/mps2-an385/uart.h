/* The CMSDK APB UART (Arm DDI 0479, 4.3): UART 0 of the board, sending only. */
#ifndef UART_H
#define UART_H

#include <stddef.h>
#include <stdint.h>

void uart_init(uint32_t clock_hz, uint32_t baud);

/* Waits until the last of the bytes is in the transmitter. */
void uart_write(const uint8_t *bytes, size_t length);

#endif
