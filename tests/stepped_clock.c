/* The wall clock of a process, moved by the seconds (int64) that the file STEPPED_CLOCK holds, and
 * whether it is synced (int64: 0 as the kernel says, 1 yes, 2 no).
 *
 * Preloaded. Only those who ask what day it is are answered differently: whatever waits goes by
 * the kernel's own clocks, as it does on a host whose clock steps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *ahead_s, *synced;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("STEPPED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *map = file < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof *ahead_s, PROT_READ, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) synced = (ahead_s = map) + 1;
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (!failed && ahead_s && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *ahead_s;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    int failed = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *into) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (into) *into = exact.tv_sec;
    return exact.tv_sec;
}

int adjtimex(struct timex *asked) {
    static int (*kernels)(struct timex *);
    if (!kernels) kernels = (int (*)(struct timex *))dlsym(RTLD_NEXT, "adjtimex");
    int state = kernels(asked);
    return synced && *synced ? (*synced == 1 ? TIME_OK : TIME_ERROR) : state;
}
