/* A disk that fails: loaded before the C library (LD_PRELOAD), it lets one call that changes files below a folder go wrong.
 *
 *   BEADSCOPE_FAULT_UNDER  the folder
 *   BEADSCOPE_FAULT_AT     which call, from 1; 0 lets all succeed
 *   BEADSCOPE_FAULT_KIND   eio: that call alone; full: no space from then on; short: that write writes half
 *   BEADSCOPE_FAULT_COUNT  file that gets the number of calls at the end
 *
 * Calls that the program makes without the C library (io_uring, rustix's own system calls) pass.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum outcome { GOES_ON, FAILS, IS_SHORT };

static int is_under(const char *path) {
    const char *under = getenv("BEADSCOPE_FAULT_UNDER");
    return under && strncmp(path, under, strlen(under)) == 0;
}

/* What becomes of the next call on this file; `adds` are calls that take space. */
static enum outcome next(const char *path, int adds) {
    if (!is_under(path)) return GOES_ON;
    long call = ++calls;
    const char *at = getenv("BEADSCOPE_FAULT_AT"), *kind = getenv("BEADSCOPE_FAULT_KIND");
    long failing = at ? atol(at) : 0;
    if (failing == 0 || !kind) return GOES_ON;
    if (strcmp(kind, "full") == 0) {
        if (call < failing || !adds) return GOES_ON;
        errno = ENOSPC;
        return FAILS;
    }
    if (call != failing) return GOES_ON;
    if (strcmp(kind, "short") == 0) return adds ? IS_SHORT : GOES_ON;
    errno = EIO;
    return FAILS;
}

static enum outcome next_on(int fd, int adds) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return GOES_ON;
    path[length] = 0;
    return next(path, adds);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    switch (next_on(fd, 1)) {
    case FAILS: return -1;
    case IS_SHORT: return REAL(write)(fd, bytes, (count + 1) / 2);
    default: return REAL(write)(fd, bytes, count);
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    switch (next_on(fd, 1)) {
    case FAILS: return -1;
    case IS_SHORT: return REAL(writev)(fd, parts, 1);
    default: return REAL(writev)(fd, parts, count);
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    switch (next_on(fd, 1)) {
    case FAILS: return -1;
    case IS_SHORT: return REAL(pwrite64)(fd, bytes, (count + 1) / 2, at);
    default: return REAL(pwrite64)(fd, bytes, count, at);
    }
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    int writes = (flags & O_ACCMODE) != O_RDONLY;
    return writes && next(path, flags & O_CREAT) == FAILS ? -1 : REAL(open64)(path, flags, mode);
}

int fallocate64(int fd, int mode, off64_t from, off64_t length) {
    return next_on(fd, 1) == FAILS ? -1 : REAL(fallocate64)(fd, mode, from, length);
}

int fsync(int fd) { return next_on(fd, 0) == FAILS ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return next_on(fd, 0) == FAILS ? -1 : REAL(fdatasync)(fd); }
int ftruncate64(int fd, off64_t length) { return next_on(fd, 1) == FAILS ? -1 : REAL(ftruncate64)(fd, length); }
int rename(const char *from, const char *to) { return next(from, 0) == FAILS ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return next(path, 0) == FAILS ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { return next(path, 1) == FAILS ? -1 : REAL(mkdir)(path, mode); }

__attribute__((destructor)) static void tell(void) {
    const char *count = getenv("BEADSCOPE_FAULT_COUNT");
    FILE *file = count ? fopen(count, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld\n", (long)calls);
    fclose(file);
}
