/*
 * Seals of frames: HMAC-SHA-256 (RFC 2104, FIPS 180-4), a byte at a time, so that a frame needs no second buffer. A
 * program that does not call edgernn_seal_frames is linked without this file.
 */
#include "edgernn_node.h"

#define BLOCK 64u
#define WORDS 16u

static uint32_t rotated(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

/* Takes the block that `block` holds into the state. The schedule W is kept in a ring of its last sixteen words. */
static void compress(uint32_t state[8], const uint8_t block[BLOCK])
{
    static const uint32_t k[64] = {
        0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
        0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
        0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
        0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
        0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
        0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
        0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
        0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
    };
    uint32_t w[WORDS], v[8]; /* v: a to h */
    for (unsigned i = 0; i < WORDS; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8
               | block[4 * i + 3];
    for (unsigned i = 0; i < 8; i++)
        v[i] = state[i];
    for (unsigned t = 0; t < 64; t++) {
        if (t >= WORDS) {
            uint32_t w2 = w[(t - 2) % WORDS], w15 = w[(t - 15) % WORDS];
            w[t % WORDS] += (rotated(w2, 17) ^ rotated(w2, 19) ^ w2 >> 10) + w[(t - 7) % WORDS]
                            + (rotated(w15, 7) ^ rotated(w15, 18) ^ w15 >> 3);
        }
        uint32_t t1 = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25))
                      + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[t] + w[t % WORDS];
        uint32_t t2 = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22))
                      + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        for (unsigned i = 7; i > 0; i--)
            v[i] = v[i - 1];
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

static void start(edgernn_seal *seal, const uint32_t state[8], uint32_t length)
{
    for (unsigned i = 0; i < 8; i++)
        seal->state[i] = state[i];
    seal->length = length;
}

static void hash(edgernn_seal *seal, uint8_t byte)
{
    seal->block[seal->length++ % BLOCK] = byte;
    if (seal->length % BLOCK == 0)
        compress(seal->state, seal->block);
}

/* Ends the hash: a bit, zeros, and the length in bits as 64 of them. Frames and keys are much shorter than 2^29. */
static void digest(edgernn_seal *seal, uint8_t out[32])
{
    uint32_t bits = seal->length * 8;
    hash(seal, 0x80);
    while (seal->length % BLOCK != BLOCK - 8)
        hash(seal, 0);
    for (unsigned i = 0; i < 8; i++)
        hash(seal, i < 4 ? 0 : (uint8_t)(bits >> (56 - 8 * i)));
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(seal->state[i / 4] >> (24 - i % 4 * 8));
}

/* HMAC of what was hashed; the next byte is the first of another message. */
static void code(edgernn_seal *seal, uint8_t out[32])
{
    digest(seal, out);
    start(seal, seal->outer, BLOCK);
    for (unsigned i = 0; i < 32; i++)
        hash(seal, out[i]);
    digest(seal, out);
    start(seal, seal->inner, BLOCK);
}

static const uint32_t initial[8] = {
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
};

/* The state after a block of the key and a pad, which every message begins with. */
static void pad(edgernn_seal *seal, const uint8_t *key, size_t key_bytes, uint8_t with, uint32_t state[8])
{
    start(seal, initial, 0);
    for (size_t i = 0; i < BLOCK; i++)
        hash(seal, (uint8_t)((i < key_bytes ? key[i] : 0) ^ with));
    for (unsigned i = 0; i < 8; i++)
        state[i] = seal->state[i];
}

void edgernn_seal_frames(edgernn_node *node, edgernn_seal *seal, const uint8_t *key, size_t key_bytes,
                         uint64_t first_stamp)
{
    uint8_t short_key[32];
    if (key_bytes > BLOCK) {
        start(seal, initial, 0);
        for (size_t i = 0; i < key_bytes; i++)
            hash(seal, key[i]);
        digest(seal, short_key);
        key = short_key;
        key_bytes = sizeof short_key;
    }
    pad(seal, key, key_bytes, 0x36, seal->inner);
    pad(seal, key, key_bytes, 0x5C, seal->outer);
    start(seal, seal->inner, BLOCK);
    seal->stamp = first_stamp;
    seal->hash = hash;
    seal->code = code;
    node->seal = seal;
}
