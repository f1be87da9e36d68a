/* From reset to main: the vector table, and memory as C expects it. */
#include <stdint.h>

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end; /* link.ld */

int main(void);
void reset_handler(void);
void systick_handler(void);

void reset_handler(void)
{
    const uint32_t *from = &data_load;
    for (uint32_t *to = &data_start; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_start; to < &bss_end;)
        *to++ = 0;
    main();
}

/* A fault stops the board: the host sees a line that went silent, and its account says how far it came. */
static void halt(void)
{
    for (;;)
        ;
}

typedef union {
    void *stack;
    void (*handler)(void);
} vector;

__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    {.stack = &stack_top}, {.handler = reset_handler}, {.handler = halt}, {.handler = halt},
    {.handler = halt},     {.handler = halt},          {.handler = halt}, {.handler = 0},
    {.handler = 0},        {.handler = 0},             {.handler = 0},    {.handler = halt},
    {.handler = halt},     {.handler = 0},             {.handler = halt}, {.handler = systick_handler},
};
