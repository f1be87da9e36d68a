/*
 * Linked into the native binary; runs before the .NET runtime and before it makes its threads.
 */
#include <signal.h>
#include <unistd.h>

__attribute__((constructor(101))) static void before_the_runtime(void)
{
#if defined(__x86_64__)
    /* The binary is compiled for x86-64-v3, and on an older processor the runtime only aborts. */
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) {
        static const char sentence[] =
            "edgernn-host needs an x86-64 processor with AVX2 and FMA (2013 or later); "
            "on this one, build it without IlcInstructionSet\n";
        ssize_t written = write(2, sentence, sizeof sentence - 1);
        (void)written;
        _exit(1);
    }
#endif
    /*
     * Every thread inherits this mask, so the signals wait for the host's signalfd: taking them needs no thread and no
     * managed allocation. SIGPIPE waits for ever: a closed output is an error code of write().
     */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
}
