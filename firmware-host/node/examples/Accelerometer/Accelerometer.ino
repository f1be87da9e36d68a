/*
 * Sends an analog three-axis accelerometer (ADXL335 on A0, A1, A2) to edgernn-host, 100 readings a second:
 *
 *     edgernn-host --model gestures.ernn --port /dev/ttyACM0 --baud 115200
 */
#include <edgernn_node.h>

static const unsigned long STEP_US = 10000;
static const unsigned long DESCRIPTOR_EVERY_US = 2000000;

// 330 mV/g, read by an ADC of 10 bits over 3.3 V: g for each count.
static const edgernn_channel CHANNELS[] = {
    {"ax", "g", 3.3f / 1024 / 0.33f},
    {"ay", "g", 3.3f / 1024 / 0.33f},
    {"az", "g", 3.3f / 1024 / 0.33f},
};

static edgernn_node node;
static uint8_t frame[EDGERNN_LARGER(EDGERNN_DATA_BYTES(3, int16_t), EDGERNN_DESCRIPTOR_BYTES(3, 9))];
static unsigned long next_step;
static unsigned long last_descriptor;

void setup()
{
    Serial.begin(115200);
    // Any number that differs from that of the last start will do: here, the noise of an ADC that is connected to nothing.
    uint16_t session = 0;
    for (int i = 0; i < 16; i++)
        session = session << 1 ^ analogRead(A3);
    edgernn_init(&node, EDGERNN_INT16, CHANNELS, 3, 1e6f / STEP_US, session);
    next_step = micros();
    last_descriptor = next_step - DESCRIPTOR_EVERY_US;
}

void loop()
{
    unsigned long now = micros();
    if (now - last_descriptor >= DESCRIPTOR_EVERY_US) {
        Serial.write(frame, edgernn_descriptor(&node, now, frame, sizeof frame));
        last_descriptor = now;
    }
    if ((long)(now - next_step) < 0)
        return;
    next_step += STEP_US;
    const int16_t counts[3] = {(int16_t)(analogRead(A0) - 512), (int16_t)(analogRead(A1) - 512),
                               (int16_t)(analogRead(A2) - 512)};
    Serial.write(frame, edgernn_int16(&node, now, counts, frame, sizeof frame));
}
