/*
 * The sending side of the line that edgernn-host listens to, for microcontrollers. PROTOCOL.md lays the line out; the
 * format is `frames`.
 *
 * C99, no allocation, no C library, nothing global: a sender is a struct, a frame is bytes in a buffer of the caller's,
 * to be handed to the UART as they are. Little- and big-endian processors give the same bytes.
 *
 *     static const edgernn_channel channels[] = {{"ax", "g", 1 / 4096.0f}, {"ay", "g", 1 / 4096.0f}};
 *     static uint8_t frame[EDGERNN_LARGER(EDGERNN_DATA_BYTES(2, int16_t), EDGERNN_DESCRIPTOR_BYTES(2, 4))];
 *     edgernn_node node;
 *     edgernn_init(&node, EDGERNN_INT16, channels, 2, 100.0f, session);
 *     uart_write(frame, edgernn_descriptor(&node, micros(), frame, sizeof frame));         // first, then every few s
 *     uart_write(frame, edgernn_int16(&node, micros(), readings, frame, sizeof frame));    // each reading
 *     uart_write(frame, edgernn_end(&node, micros(), frame, sizeof frame));                // if the sender stops
 */
#ifndef EDGERNN_NODE_H
#define EDGERNN_NODE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of every sample of a line. */
#define EDGERNN_FLOAT32 1
#define EDGERNN_INT16 2

/* Most channels of a line, and most bytes of a name or a unit. */
#define EDGERNN_MAX_CHANNELS 4096
#define EDGERNN_MAX_TEXT 64

/* Bytes on the wire of a frame with so many bytes of payload, at most. */
#define EDGERNN_FRAME_BYTES(payload) ((size_t)(payload) + 16 + ((size_t)(payload) + 16) / 254 + 2)

/* Bytes on the wire of a data frame, at most: EDGERNN_DATA_BYTES(3, float). */
#define EDGERNN_DATA_BYTES(channels, sample) EDGERNN_FRAME_BYTES((size_t)(channels) * sizeof(sample))

/* Bytes on the wire of the descriptor, at most; `text` is the bytes of all names and units together. */
#define EDGERNN_DESCRIPTOR_BYTES(channels, text) EDGERNN_FRAME_BYTES(7 + (size_t)(channels) * 6 + (text))

/* Bytes on the wire that a seal adds to a frame, at most: EDGERNN_DATA_BYTES(3, float) + EDGERNN_SEAL_BYTES. */
#define EDGERNN_SEAL_BYTES 17

#define EDGERNN_LARGER(a, b) ((a) > (b) ? (a) : (b))

typedef struct {
    const char *name; /* UTF-8, at most 64 bytes; may be "" */
    const char *unit; /* likewise */
    float scale;      /* int16: real value = integer * scale, finite and not 0; float32: 1 */
} edgernn_channel;

/* What seals the frames of a sender. All members are the library's own. */
typedef struct edgernn_seal {
    void (*hash)(struct edgernn_seal *seal, uint8_t byte);
    void (*code)(struct edgernn_seal *seal, uint8_t out[32]);
    uint64_t stamp; /* of the next frame */
    uint32_t inner[8];
    uint32_t outer[8];
    uint32_t state[8];
    uint32_t length;
    uint8_t block[64];
} edgernn_seal;

/* A sender. All members are the library's own. */
typedef struct {
    const edgernn_channel *channels;
    edgernn_seal *seal;
    float rate_hz;
    uint32_t sequence;
    uint32_t descriptor_crc;
    uint16_t count;
    uint16_t stream;
    uint8_t sample_type;
} edgernn_node;

/*
 * Prepares a sender. `channels` must outlive it. `rate_hz` is readings a second, 0 when unknown. `stream` is a number
 * that differs from that of the sender's last start (a counter kept in flash, noise of an ADC), or 0 where there is
 * none. Returns 0 when the wire cannot carry such a line, and otherwise the bytes of its descriptor's payload.
 */
size_t edgernn_init(edgernn_node *node, uint8_t sample_type, const edgernn_channel *channels, uint16_t count,
                    float rate_hz, uint16_t stream);

/*
 * From here on every frame of a prepared sender is sealed: a host that has the same key takes no other (`edgernn-host
 * --auth-key`). It is in edgernn_seal.c; a program that does not call it is linked without, so that seals cost nothing.
 *
 * `key` are secret random bytes, 32 if in doubt and 16 at least; they are not kept. `first_stamp` must be greater than
 * the stamp of any frame that was ever sealed with this key, each of which takes one: microseconds of a clock that is
 * never set back, or the number of this start, kept in flash, times 2^32. `seal` must outlive the sender.
 */
void edgernn_seal_frames(edgernn_node *node, edgernn_seal *seal, const uint8_t *key, size_t key_bytes,
                         uint64_t first_stamp);

/*
 * Each of these writes one frame with its delimiter to `out` and returns its bytes, or 0 where `size` is too small or
 * the samples are not of the line's type; nothing is sent then, and no number and no stamp is used up.
 *
 * The descriptor goes out first, and again every few seconds, so that a host that joins later can begin. A data frame
 * holds one sample of every channel. The end says that no more follows.
 */
size_t edgernn_descriptor(const edgernn_node *node, uint32_t time_us, uint8_t *out, size_t size);
size_t edgernn_float32(edgernn_node *node, uint32_t time_us, const float *samples, uint8_t *out, size_t size);
size_t edgernn_int16(edgernn_node *node, uint32_t time_us, const int16_t *samples, uint8_t *out, size_t size);
size_t edgernn_end(const edgernn_node *node, uint32_t time_us, uint8_t *out, size_t size);

#ifdef __cplusplus
}
#endif

#endif
