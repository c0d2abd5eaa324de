/* A power cut: loaded before the C library (LD_PRELOAD), it ends the program and takes back what a disk may take back.
 *
 *   BEADSCOPE_POWER_UNDER     the folder whose files are on that disk
 *   BEADSCOPE_POWER_AFTER_MS  a call on one of them that comes so long after the first is the last
 *   BEADSCOPE_POWER_TELL      file that gets the moment of the cut, ns since 1970 UTC
 *
 * Of what POSIX allows, the worst for a file that is appended to: what was written since its last fsync is gone, and with it all of
 * a file that is changed in place (one that was *.partial, under any name); a name is gone, or the one before it is back, unless
 * its folder was synced since; what was removed stays removed. All other files are taken for appended ones. Calls that the program
 * makes without the C library pass, so this is no test of video.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MOST 4096

struct file {
    char path[PATH_MAX];
    char before[PATH_MAX]; /* name that the disk still has, if it is another */
    off_t synced;
    int is_named, is_changed, is_in_place;
};
static struct file *files[MOST];
static int count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long long begun_ns; /* the first call on that disk */

static long long now_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static const char *under(void) { return getenv("BEADSCOPE_POWER_UNDER"); }

static int is_under(const char *path) { return under() && strncmp(path, under(), strlen(under())) == 0; }

static int is_partial(const char *path) { return strstr(path, ".partial") != NULL; }

static struct file *file(const char *path) {
    for (int i = 0; i < count; i++)
        if (strcmp(files[i]->path, path) == 0) return files[i];
    if (count == MOST) abort();
    struct file *new = calloc(1, sizeof *new);
    strcpy(new->path, path);
    new->is_in_place = is_partial(path);
    return files[count++] = new;
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_under(path);
}

/* A name is there only if those of all folders above it are. */
static int is_named(const char *path) {
    char folder[PATH_MAX];
    for (strcpy(folder, path); strlen(folder) > strlen(under()); *strrchr(folder, '/') = 0)
        if (!file(folder)->is_named) return 0;
    return 1;
}

static char left[MOST][PATH_MAX];
static int left_count;

/* Renaming while the tree is walked might meet a file twice. */
static int collect(const char *path, const struct stat *stat, int kind, struct FTW *place) {
    (void)stat, (void)place;
    if (kind == FTW_F && left_count < MOST) strcpy(left[left_count++], path);
    return 0;
}

static void take_back(const char *path) {
    struct file *it = file(path);
    struct stat stat;
    if (lstat(path, &stat)) abort();
    off_t length = !it->is_in_place ? it->synced : it->is_changed ? 0 : stat.st_size;
    if (length < stat.st_size && truncate(path, length)) abort();
    if (it->before[0]) {
        if (REAL(rename)(path, it->before)) abort();
    } else if (!is_named(path) && REAL(unlink)(path)) {
        abort();
    }
}

/* With the mutex, which is never given back: no other thread changes anything any more. */
static void cut(void) {
    const char *tell = getenv("BEADSCOPE_POWER_TELL");
    FILE *told = fopen(tell, "w");
    fprintf(told, "%lld\n", now_ns(CLOCK_REALTIME));
    fclose(told);
    nftw(under(), collect, 16, FTW_PHYS);
    for (int i = 0; i < left_count; i++) take_back(left[i]);
    _exit(70);
}

static void enter(void) {
    pthread_mutex_lock(&mutex);
    const char *after = getenv("BEADSCOPE_POWER_AFTER_MS");
    if (!begun_ns) begun_ns = now_ns(CLOCK_MONOTONIC);
    if (after && now_ns(CLOCK_MONOTONIC) - begun_ns > atoll(after) * 1000000LL) cut();
}

static void leave(void) { pthread_mutex_unlock(&mutex); }

ssize_t write(int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(write)(fd, bytes, length);
    enter();
    file(path)->is_changed = 1;
    ssize_t written = REAL(write)(fd, bytes, length);
    leave();
    return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(pwrite64)(fd, bytes, length, at);
    enter();
    file(path)->is_changed = 1;
    ssize_t written = REAL(pwrite64)(fd, bytes, length, at);
    leave();
    return written;
}

int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return REAL(ftruncate64)(fd, length);
    enter();
    file(path)->is_changed = 1;
    int failed = REAL(ftruncate64)(fd, length);
    leave();
    return failed;
}

static void name_all_in(const char *folder) {
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path) abort();
        struct file *it = file(path);
        it->is_named = 1;
        it->before[0] = 0;
    }
    if (entries) closedir(entries);
}

static int sync_with(int (*sync)(int), int fd) {
    char path[PATH_MAX];
    if (!path_of(fd, path)) return sync(fd);
    enter();
    int failed = sync(fd);
    struct stat stat;
    if (!failed && !fstat(fd, &stat)) {
        if (S_ISDIR(stat.st_mode)) {
            name_all_in(path);
        } else {
            file(path)->synced = stat.st_size;
            file(path)->is_changed = 0;
        }
    }
    leave();
    return failed;
}

int fsync(int fd) { return sync_with(REAL(fsync), fd); }
int fdatasync(int fd) { return sync_with(REAL(fdatasync), fd); }

int rename(const char *from, const char *to) {
    if (!is_under(from)) return REAL(rename)(from, to);
    enter();
    int failed = REAL(rename)(from, to);
    if (!failed) {
        struct file *old = file(from), *new = file(to);
        new->synced = old->synced;
        new->is_changed = old->is_changed;
        new->is_in_place = old->is_in_place;
        new->is_named = 0;
        strcpy(new->before, old->is_named ? from : "");
        old->synced = old->is_named = old->is_changed = 0;
    }
    leave();
    return failed;
}

int unlink(const char *path) {
    if (!is_under(path)) return REAL(unlink)(path);
    enter();
    struct file *it = file(path);
    it->synced = it->is_named = it->is_changed = 0;
    it->is_in_place = is_partial(path);
    it->before[0] = 0;
    int failed = REAL(unlink)(path);
    leave();
    return failed;
}
