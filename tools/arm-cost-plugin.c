// A QEMU plugin that counts how often each translated block of guest code is executed, and writes at the end of the
// program one line a block: executions, instructions, and the instructions' words in hex, in order. Blocks of equal
// content are written as they come; whoever reads them adds them up.
//
// Counting is an addition that QEMU compiles into the block itself, so it costs little and counts exactly.
// Declarations are those of QEMU's public plugin interface, version 1 (QEMU 4.2 to 8.x); Debian ships no header for it.
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t id, void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(
    struct qemu_plugin_tb *block, enum qemu_plugin_op operation, void *counter, uint64_t addend);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*finished)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *instruction);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

struct block {
    uint64_t executions;
    struct block *next;
    size_t instructions;
    uint32_t words[];
};

// QEMU holds its translation lock while it calls translated(), so no other lock is needed.
static struct block *blocks;
static const char *output;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    size_t n = qemu_plugin_tb_n_insns(tb);
    struct block *block = calloc(1, sizeof *block + n * sizeof block->words[0]);
    if (!block)
        abort();
    block->instructions = n;
    for (size_t i = 0; i < n; i++)
        memcpy(&block->words[i], qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i)), sizeof block->words[i]);
    block->next = blocks;
    blocks = block;
    qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64, &block->executions, 1);
}

static void finished(qemu_plugin_id_t id, void *unused)
{
    (void)id, (void)unused;
    FILE *file = fopen(output, "w");
    if (!file) {
        perror(output);
        return;
    }
    for (const struct block *block = blocks; block; block = block->next) {
        if (block->executions == 0)
            continue;
        fprintf(file, "%" PRIu64 " %zu", block->executions, block->instructions);
        for (size_t i = 0; i < block->instructions; i++)
            fprintf(file, " %08" PRIx32, block->words[i]);
        fputc('\n', file);
    }
    fclose(file);
}

// The argument out=FILE says where to write.
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0)
            output = strdup(argv[i] + 4);
    }
    if (!output) {
        fprintf(stderr, "arm-cost-plugin: out=FILE is missing\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finished, NULL);
    return 0;
}
