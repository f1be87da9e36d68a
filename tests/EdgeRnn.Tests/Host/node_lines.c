/*
 * Reads lines to be sent from standard input, as NodeTests writes them, and writes what edgernn_node makes of each to
 * standard output. Each buffer is exactly as long as the header says it must be. For frames that are not long, all
 * shorter buffers are tried first: they must be refused without a byte written behind them, which the sanitizers watch.
 *
 * With a key and a message in hexadecimal digits as arguments it writes the message's code, whole and unlike a tag.
 */
#include "edgernn_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void get(void *to, size_t bytes)
{
    if (fread(to, 1, bytes, stdin) != bytes)
        exit(3);
}

static char *get_text(void)
{
    uint8_t length;
    get(&length, 1);
    char *text = calloc(length + 1u, 1);
    get(text, length);
    return text;
}

enum kind { DESCRIPTOR, DATA, END };

static size_t encode(edgernn_node *node, enum kind kind, uint32_t time, const void *samples, uint8_t *out, size_t size)
{
    if (kind == DESCRIPTOR)
        return edgernn_descriptor(node, time, out, size);
    if (kind == END)
        return edgernn_end(node, time, out, size);
    return node->sample_type == EDGERNN_INT16 ? edgernn_int16(node, time, samples, out, size)
                                              : edgernn_float32(node, time, samples, out, size);
}

static void send(edgernn_node *node, enum kind kind, uint32_t time, const void *samples, size_t most, int tries)
{
    uint8_t *out = malloc(most);
    size_t length = encode(&(edgernn_node){0}, DATA, 0, NULL, out, most);
    if (length != 0)
        exit(4); /* a sender of no type sends no data */
    edgernn_node copy = *node;
    edgernn_seal seal;
    if (node->seal != NULL) {
        seal = *node->seal;
        copy.seal = &seal;
    }
    length = encode(&copy, kind, time, samples, out, most);
    if (length == 0)
        exit(5);
    for (size_t size = 0; tries && length < 2000 && size < length; size++) {
        uint8_t *small = malloc(size);
        if (encode(node, kind, time, samples, small, size) != 0)
            exit(6);
        free(small);
    }
    length = encode(node, kind, time, samples, out, most);
    fwrite(out, 1, length, stdout);
    free(out);
}

static void line(void)
{
    uint8_t type, key_bytes, key[255];
    uint64_t first_stamp;
    uint16_t count, stream, readings;
    float rate;
    get(&type, 1);
    get(&count, 2);
    get(&rate, 4);
    get(&stream, 2);
    get(&readings, 2);
    get(&key_bytes, 1);
    get(key, key_bytes);
    get(&first_stamp, 8);
    size_t text = 0;
    edgernn_channel *channels = calloc(count + 1u, sizeof *channels);
    for (uint16_t c = 0; c < count; c++) {
        get(&channels[c].scale, 4);
        channels[c].name = get_text();
        channels[c].unit = get_text();
        text += strlen(channels[c].name) + strlen(channels[c].unit);
    }

    edgernn_node node;
    edgernn_seal seal;
    size_t payload = edgernn_init(&node, type, channels, count, rate, stream);
    size_t more = key_bytes > 0 ? EDGERNN_SEAL_BYTES : 0;
    if (key_bytes > 0)
        edgernn_seal_frames(&node, &seal, key, key_bytes, first_stamp);
    uint8_t taken = payload > 0;
    fwrite(&taken, 1, 1, stdout);
    if (taken && payload != 7 + count * 6u + text)
        exit(7);
    size_t bytes = count * (type == EDGERNN_INT16 ? sizeof(int16_t) : sizeof(float));
    void *samples = malloc(bytes + 1);
    if (taken)
        send(&node, DESCRIPTOR, 0, NULL, EDGERNN_DESCRIPTOR_BYTES(count, text) + more, 1);
    for (uint16_t i = 0; taken && i < readings; i++) {
        uint32_t time;
        get(&time, 4);
        get(samples, bytes);
        size_t most = type == EDGERNN_INT16 ? EDGERNN_DATA_BYTES(count, int16_t) : EDGERNN_DATA_BYTES(count, float);
        send(&node, DATA, time, samples, most + more, i == 0);
    }
    if (taken) {
        send(&node, DESCRIPTOR, 0xFFFFFFFF, NULL, EDGERNN_DESCRIPTOR_BYTES(count, text) + more, 0);
        send(&node, END, 0x01000001, NULL, EDGERNN_FRAME_BYTES(0) + more, 1);
    }

    for (uint16_t c = 0; c < count; c++) {
        free((void *)channels[c].name);
        free((void *)channels[c].unit);
    }
    free(channels);
    free(samples);
}

static size_t from_hex(const char *digits, uint8_t *bytes)
{
    size_t count = strlen(digits) / 2;
    for (size_t i = 0; i < count; i++) {
        const char pair[] = {digits[2 * i], digits[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return count;
}

/* Twice, as a code must leave everything ready for the next. */
static void code_of(const char *key, const char *message)
{
    uint8_t bytes[256], code[32];
    edgernn_node node;
    edgernn_seal seal;
    edgernn_seal_frames(&node, &seal, bytes, from_hex(key, bytes), 0);
    for (int turn = 0; turn < 2; turn++) {
        size_t count = from_hex(message, bytes);
        for (size_t i = 0; i < count; i++)
            seal.hash(&seal, bytes[i]);
        seal.code(&seal, code);
        fwrite(code, 1, sizeof code, stdout);
    }
}

int main(int count, char **words)
{
    uint16_t lines;
    if (count == 3) {
        code_of(words[1], words[2]);
        return 0;
    }
    get(&lines, 2);
    while (lines-- > 0)
        line();
    return ferror(stdout) || fflush(stdout) != 0;
}
