#include "edgernn_node.h"

#define VERSION 1
#define DESCRIPTOR 1
#define DATA 2
#define END 3
#define SEALED 0x80
#define TAG_BYTES 8

#define LONGEST_PAYLOAD 32768u
#define LONGEST_BLOCK 254u /* COBS: a code byte and at most so many bytes behind it */

/*
 * A frame on its way into the caller's buffer: each byte goes into the CRC and, stuffed, to its place, so there is no
 * second buffer. `code` is where the code byte of the block at hand will be written, once its length is known.
 */
typedef struct {
    uint8_t *out; /* null: only count and add up */
    size_t size;
    size_t length; /* bytes on the wire so far; more than `size` once they did not fit */
    size_t code;
    uint32_t crc;
    size_t payload; /* bytes before stuffing */
    edgernn_seal *seal; /* hashes each byte; null for none */
} writer;

/* CRC-32C (RFC 3720), four bits a turn: sixteen words of table are enough for a UART. */
static uint32_t crc_of(uint32_t crc, uint8_t byte)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    crc ^= byte;
    crc = crc >> 4 ^ table[crc & 15];
    return crc >> 4 ^ table[crc & 15];
}

static void store(writer *to, size_t at, uint8_t byte)
{
    if (to->out != NULL && at < to->size)
        to->out[at] = byte;
}

/* Ends the block at hand and begins another. */
static void next_block(writer *to)
{
    store(to, to->code, (uint8_t)(to->length - to->code));
    to->code = to->length++;
}

static void stuff(writer *to, uint8_t byte)
{
    /* A full block stands for no 0x00, and another one begins only if anything follows. */
    if (to->length - to->code > LONGEST_BLOCK)
        next_block(to);
    if (byte == 0)
        next_block(to);
    else
        store(to, to->length++, byte);
}

static void put8(writer *to, uint8_t byte)
{
    to->crc = crc_of(to->crc, byte);
    to->payload++;
    if (to->seal != NULL)
        to->seal->hash(to->seal, byte);
    if (to->out != NULL)
        stuff(to, byte);
}

static void put16(writer *to, uint16_t value)
{
    put8(to, (uint8_t)value);
    put8(to, (uint8_t)(value >> 8));
}

static void put32(writer *to, uint32_t value)
{
    put16(to, (uint16_t)value);
    put16(to, (uint16_t)(value >> 16));
}

static uint32_t bits_of(float value)
{
    union {
        float real;
        uint32_t bits;
    } same;
    same.real = value;
    return same.bits;
}

/* Begins a frame whose CRC goes on from `seed`. */
static writer begin(const edgernn_node *node, uint8_t type, uint32_t seed, uint32_t time_us, uint8_t *out, size_t size)
{
    writer to = {out, size, 1, 0, ~seed, 0, node->seal};
    put8(&to, VERSION);
    put8(&to, (uint8_t)(type | (node->seal != NULL ? SEALED : 0)));
    put16(&to, node->stream);
    put32(&to, node->sequence);
    put32(&to, time_us);
    return to;
}

/* Stamp and tag; the tag stands for every byte before it. */
static void put_seal(writer *to, edgernn_seal *seal)
{
    uint8_t code[32];
    put32(to, (uint32_t)seal->stamp);
    put32(to, (uint32_t)(seal->stamp >> 32));
    to->seal = NULL;
    seal->code(seal, code);
    for (size_t i = 0; i < TAG_BYTES; i++)
        put8(to, code[i]);
}

/* Ends it; gives its bytes on the wire, or 0 where they did not fit. */
static size_t finish(writer *to)
{
    edgernn_seal *seal = to->seal;
    if (seal != NULL)
        put_seal(to, seal);
    put32(to, ~to->crc);
    store(to, to->code, (uint8_t)(to->length - to->code));
    store(to, to->length++, 0);
    if (to->out == NULL || to->length > to->size)
        return 0;
    if (seal != NULL)
        seal->stamp++;
    return to->length;
}

static size_t length_of(const char *text)
{
    size_t length = 0;
    while (length <= EDGERNN_MAX_TEXT && text[length] != '\0')
        length++;
    return length;
}

static void put_text(writer *to, const char *text)
{
    size_t length = length_of(text);
    put8(to, (uint8_t)length);
    for (size_t i = 0; i < length; i++)
        put8(to, (uint8_t)text[i]);
}

static void put_descriptor(writer *to, const edgernn_node *node)
{
    put8(to, node->sample_type);
    put16(to, node->count);
    put32(to, bits_of(node->rate_hz));
    for (uint16_t c = 0; c < node->count; c++) {
        put32(to, bits_of(node->channels[c].scale));
        put_text(to, node->channels[c].name);
        put_text(to, node->channels[c].unit);
    }
}

/* Floats are judged by their bits, so that a processor without a floating-point unit needs no library for it. */
static int is_finite(float value)
{
    return (bits_of(value) & 0x7F800000) != 0x7F800000;
}

static int is_scale(float scale, uint8_t sample_type)
{
    if (sample_type == EDGERNN_FLOAT32)
        return bits_of(scale) == 0x3F800000; /* 1 */
    return is_finite(scale) && bits_of(scale) << 1 != 0;
}

static int can_be_carried(const edgernn_node *node)
{
    if (node->sample_type != EDGERNN_FLOAT32 && node->sample_type != EDGERNN_INT16)
        return 0;
    if (node->count == 0 || node->count > EDGERNN_MAX_CHANNELS)
        return 0;
    if (!is_finite(node->rate_hz) || bits_of(node->rate_hz) > 0x80000000) /* below 0; -0 is none */
        return 0;
    for (uint16_t c = 0; c < node->count; c++) {
        const edgernn_channel *channel = &node->channels[c];
        if (!is_scale(channel->scale, node->sample_type) || length_of(channel->name) > EDGERNN_MAX_TEXT
            || length_of(channel->unit) > EDGERNN_MAX_TEXT)
            return 0;
    }
    return 1;
}

size_t edgernn_init(edgernn_node *node, uint8_t sample_type, const edgernn_channel *channels, uint16_t count,
                    float rate_hz, uint16_t stream)
{
    writer sum = {NULL, 0, 1, 0, ~(uint32_t)0, 0, NULL};
    node->channels = channels;
    node->seal = NULL;
    node->rate_hz = rate_hz;
    node->sequence = 0;
    node->count = count;
    node->stream = stream;
    node->sample_type = sample_type;
    if (!can_be_carried(node))
        return 0;
    put_descriptor(&sum, node);
    node->descriptor_crc = ~sum.crc;
    return sum.payload <= LONGEST_PAYLOAD ? sum.payload : 0;
}

size_t edgernn_descriptor(const edgernn_node *node, uint32_t time_us, uint8_t *out, size_t size)
{
    writer to = begin(node, DESCRIPTOR, 0, time_us, out, size);
    put_descriptor(&to, node);
    return finish(&to);
}

size_t edgernn_float32(edgernn_node *node, uint32_t time_us, const float *samples, uint8_t *out, size_t size)
{
    writer to;
    size_t length;
    if (node->sample_type != EDGERNN_FLOAT32)
        return 0;
    to = begin(node, DATA, node->descriptor_crc, time_us, out, size);
    for (uint16_t c = 0; c < node->count; c++)
        put32(&to, bits_of(samples[c]));
    length = finish(&to);
    node->sequence += length > 0;
    return length;
}

size_t edgernn_int16(edgernn_node *node, uint32_t time_us, const int16_t *samples, uint8_t *out, size_t size)
{
    writer to;
    size_t length;
    if (node->sample_type != EDGERNN_INT16)
        return 0;
    to = begin(node, DATA, node->descriptor_crc, time_us, out, size);
    for (uint16_t c = 0; c < node->count; c++)
        put16(&to, (uint16_t)samples[c]);
    length = finish(&to);
    node->sequence += length > 0;
    return length;
}

size_t edgernn_end(const edgernn_node *node, uint32_t time_us, uint8_t *out, size_t size)
{
    writer to = begin(node, END, node->descriptor_crc, time_us, out, size);
    return finish(&to);
}
