#include "uart.h"

#define UART0 0x40004000u
#define DATA (*(volatile uint32_t *)(UART0 + 0x00))
#define STATE (*(volatile uint32_t *)(UART0 + 0x04))
#define CTRL (*(volatile uint32_t *)(UART0 + 0x08))
#define BAUDDIV (*(volatile uint32_t *)(UART0 + 0x10))

#define STATE_TX_FULL 1u
#define CTRL_TX_ENABLE 1u

void uart_init(uint32_t clock_hz, uint32_t baud)
{
    BAUDDIV = clock_hz / baud; /* at least 16 */
    CTRL = CTRL_TX_ENABLE;
}

void uart_write(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        while (STATE & STATE_TX_FULL)
            ;
        DATA = bytes[i];
    }
}
