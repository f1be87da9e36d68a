/*
 * A sensor on an Arm MPS2 board with a Cortex-M3 (AN385), as QEMU emulates it: plays recorded gestures over UART 0, a
 * reading each time its timer says so, as a sensor with an int16 register a channel would. With SEALED its frames are
 * sealed; a sensor would read key and stamp from its flash.
 */
#include "../edgernn_node.h"
#include "gestures.h" /* made of gestures/ by tools/node-check: GESTURES_READINGS, gestures[][6] */
#include "uart.h"

#define CHANNELS 6
#define STEP_US 20000u       /* the sensor's time between readings, 50 a second */
#define DESCRIPTOR_EVERY 50u /* readings */
#define TICKS_PER_READING 5u /* of a millisecond: four times as fast as life */
#define CLOCK_HZ 25000000u

#define SYST_CSR (*(volatile uint32_t *)0xE000E010)
#define SYST_RVR (*(volatile uint32_t *)0xE000E014)
#define SYST_CVR (*(volatile uint32_t *)0xE000E018)

static volatile uint32_t ticks;

void systick_handler(void)
{
    ticks++;
}

static void start_timer(void)
{
    SYST_RVR = CLOCK_HZ / 1000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7; /* the processor's clock, interrupt, on */
}

static void wait_until(uint32_t tick)
{
    while ((int32_t)(ticks - tick) < 0)
        __asm__ volatile("wfi");
}

/* +-16 g and +-2000 degrees a second, as an MPU-6050 resolves them at those ranges. */
static const edgernn_channel channels[CHANNELS] = {
    {"aX", "g", 1 / 2048.0f},   {"aY", "g", 1 / 2048.0f},   {"aZ", "g", 1 / 2048.0f},
    {"gX", "deg/s", 1 / 16.0f}, {"gY", "deg/s", 1 / 16.0f}, {"gZ", "deg/s", 1 / 16.0f},
};

int main(void)
{
    static uint8_t frame[EDGERNN_LARGER(EDGERNN_DATA_BYTES(CHANNELS, int16_t), EDGERNN_DESCRIPTOR_BYTES(CHANNELS, 30))
                         + EDGERNN_SEAL_BYTES];
    edgernn_node node;
    uint32_t time_us = 0;

    uart_init(CLOCK_HZ, 115200);
    start_timer();
    uart_write((const uint8_t[]){0}, 1); /* closes whatever noise the line began with */
    edgernn_init(&node, EDGERNN_INT16, channels, CHANNELS, 1e6f / STEP_US, 1);
#ifdef SEALED
    static const uint8_t key[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    static edgernn_seal seal;
    edgernn_seal_frames(&node, &seal, key, sizeof key, 1);
#endif
    for (uint32_t i = 0; i < GESTURES_READINGS; i++) {
        wait_until(i * TICKS_PER_READING);
        if (i % DESCRIPTOR_EVERY == 0)
            uart_write(frame, edgernn_descriptor(&node, time_us, frame, sizeof frame));
        uart_write(frame, edgernn_int16(&node, time_us, gestures[i], frame, sizeof frame));
        time_us += STEP_US;
    }
    uart_write(frame, edgernn_end(&node, time_us, frame, sizeof frame));
    for (;;)
        __asm__ volatile("wfi");
}
