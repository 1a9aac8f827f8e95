/*
 * Stands between a program and its files (LD_PRELOAD; Linux, tests only): writes down, in order, what is done to files under a
 * folder, and makes chosen calls fail. What it never does: touch files anywhere else.
 *
 *   TROUPE_SHIM_ROOT     the folder; a sub-folder whose name is a number has the slot of that number, everything else slot 0
 *   TROUPE_SHIM_LOG      where to write the log; none when absent
 *   TROUPE_SHIM_CONTROL  a file of slots that is mapped: whoever writes to it rules what fails, at once (see struct slot)
 *   TROUPE_SHIM_NO_SYNC  a syncing call of a file with this suffix is answered, and not done
 *   TROUPE_SHIM_NO_WAIT  nanosleep returns at once: SQLite's patience with locks takes no time
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC = 2, TRUNCATE = 4, OPEN = 8, NAME = 16, LOCK = 32, MAKE = 64, CLOSE = 128, READ = 256 };
enum mode { NONE, IO, FULL, DONE, SHORT, BUSY };

/* 64 bytes, little endian; the fields below `seen` belong to the shim. */
struct slot {
  uint32_t fail_at; /* the number of the call that fails, from 1; 0: none */
  uint32_t mode;
  uint32_t sticky;  /* all later calls fail as well, until fail_at is 0 */
  uint32_t kinds;   /* which calls count */
  uint32_t seen;    /* calls that counted */
  uint32_t failed;
  uint32_t again;   /* syncs on a handle that had failed to sync before: never right */
  uint32_t syncs;
  uint32_t spare[8];
};
#define SLOTS 4096
#define FDS 65536

struct header {
  uint32_t kind;
  int32_t result;
  uint64_t inode;
  int64_t offset;
  uint32_t path;
  uint32_t data;
};

struct file {
  char *path; /* relative to the root; NULL: not ours */
  uint64_t inode;
  uint64_t device;
  uint32_t slot;
  char broken; /* a sync of it has failed */
  char index;  /* the -shm file: no part of what must last */
};

static struct file files[FDS];
static struct slot *slots;
static const char *root, *no_sync;
static size_t root_length;
static int log_fd = -1, no_wait, ready;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, type, ...) \
  static type (*real_##name)(__VA_ARGS__); \
  static void find_##name(void) { if (!real_##name) real_##name = dlsym(RTLD_NEXT, #name); }
REAL(open, int, const char *, int, ...)
REAL(openat, int, int, const char *, int, ...)
REAL(close, int, int)
REAL(write, ssize_t, int, const void *, size_t)
REAL(pread64, ssize_t, int, void *, size_t, off_t)
REAL(pwrite64, ssize_t, int, const void *, size_t, off_t)
REAL(ftruncate64, int, int, off_t)
REAL(fsync, int, int)
REAL(fdatasync, int, int)
REAL(link, int, const char *, const char *)
REAL(rename, int, const char *, const char *)
REAL(unlink, int, const char *)
REAL(remove, int, const char *)
REAL(unlinkat, int, int, const char *, int)
REAL(mkdir, int, const char *, mode_t)
REAL(fcntl64, int, int, int, ...)
REAL(nanosleep, int, const struct timespec *, struct timespec *)

static void begin(void) {
  if (ready) return;
  ready = 1;
  find_open(); find_openat(); find_close(); find_write(); find_pread64(); find_pwrite64(); find_ftruncate64(); find_fsync(); find_fdatasync();
  find_link(); find_rename(); find_unlink(); find_remove(); find_unlinkat(); find_mkdir(); find_fcntl64(); find_nanosleep();
  root = getenv("TROUPE_SHIM_ROOT");
  root_length = root ? strlen(root) : 0;
  no_sync = getenv("TROUPE_SHIM_NO_SYNC");
  no_wait = getenv("TROUPE_SHIM_NO_WAIT") != NULL;
  const char *log = getenv("TROUPE_SHIM_LOG");
  if (root && log) log_fd = real_open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const char *control = getenv("TROUPE_SHIM_CONTROL");
  if (root && control) {
    int fd = real_open(control, O_RDWR | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, SLOTS * sizeof(struct slot), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) slots = at;
    if (fd >= 0) real_close(fd);
  }
}
__attribute__((constructor)) static void constructed(void) { begin(); }

/* The path below the root, or NULL. */
static const char *ours(const char *path) {
  if (!root || !path || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return path + root_length;
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}
static uint32_t slot_of(const char *path) {
  uint32_t number = strtoul(path, NULL, 10);
  return number < SLOTS ? number : 0;
}
static int ends(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}
/* Some handles are closed without a call that could be seen, and their numbers used again: the inode tells. */
static struct file *file_of(int fd) {
  if (fd < 0 || fd >= FDS || !files[fd].path) return NULL;
  struct stat status;
  int error = errno;
  if (fstat(fd, &status) == 0 && status.st_ino == files[fd].inode && status.st_dev == files[fd].device) return &files[fd];
  errno = error;
  free(files[fd].path);
  files[fd].path = NULL;
  return NULL;
}

static void note(uint32_t kind, int result, uint64_t inode, int64_t offset, const char *path, const void *data, uint32_t length) {
  if (log_fd < 0) return;
  struct header header = {kind, result, inode, offset, (uint32_t)strlen(path), length};
  char *all = malloc(sizeof header + header.path + length);
  memcpy(all, &header, sizeof header);
  memcpy(all + sizeof header, path, header.path);
  if (length) memcpy(all + sizeof header + header.path, data, length);
  size_t size = sizeof header + header.path + length, done = 0;
  while (done < size) {
    ssize_t wrote = real_write(log_fd, all + done, size - done);
    if (wrote <= 0) abort();
    done += wrote;
  }
  free(all);
}

/* What becomes of a call that counts. What the test writes down for itself, in files called acks, never fails. */
static enum mode fate(const char *path, uint32_t number, uint32_t kind) {
  if (!slots || ends(path, "acks")) return NONE;
  struct slot *slot = &slots[number];
  if (!(slot->kinds & kind)) return NONE;
  slot->seen++;
  if (slot->fail_at == 0) return NONE;
  if (slot->sticky ? slot->seen < slot->fail_at : slot->seen != slot->fail_at) return NONE;
  slot->failed++;
  return slot->mode;
}
static int failure(enum mode mode) {
  errno = mode == FULL || mode == SHORT ? ENOSPC : mode == BUSY ? EAGAIN : EIO;
  return -1;
}

static void remember(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FDS) return;
  struct stat status;
  if (fstat(fd, &status) != 0) return;
  struct file *file = &files[fd];
  free(file->path);
  file->path = strdup(path);
  file->inode = status.st_ino;
  file->device = status.st_dev;
  file->slot = slot_of(path);
  file->broken = 0;
  file->index = ends(path, "-shm");
  if (!file->index) note(OPEN, fd, file->inode, flags, path, NULL, 0);
}

static int opened(int at, const char *path, int flags, mode_t rights) {
  const char *rest = at == AT_FDCWD || (path && path[0] == '/') ? ours(path) : NULL;
  if (!rest) return at == AT_FDCWD ? real_open(path, flags, rights) : real_openat(at, path, flags, rights);
  pthread_mutex_lock(&mutex);
  enum mode mode = ends(rest, "-shm") || flags & O_DIRECTORY ? NONE : fate(rest, slot_of(rest), OPEN);
  int fd = mode == NONE || mode == SHORT ? real_open(path, flags, rights) : -1;
  if (mode == DONE) {
    /* a file that was made, and an answer that says it was not */
    int made = real_open(path, flags, rights);
    if (made >= 0) {
      remember(made, rest, flags);
      free(files[made].path);
      files[made].path = NULL;
      real_close(made);
    }
  }
  if (fd >= 0) remember(fd, rest, flags);
  else if (mode != NONE && mode != SHORT) failure(mode);
  pthread_mutex_unlock(&mutex);
  return fd;
}
#define RIGHTS mode_t rights = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, flags); rights = va_arg(list, mode_t); va_end(list); }
int open(const char *path, int flags, ...) { begin(); RIGHTS return opened(AT_FDCWD, path, flags, rights); }
int open64(const char *path, int flags, ...) { begin(); RIGHTS return opened(AT_FDCWD, path, flags | O_LARGEFILE, rights); }
int openat(int at, const char *path, int flags, ...) { begin(); RIGHTS return opened(at, path, flags, rights); }
int openat64(int at, const char *path, int flags, ...) { begin(); RIGHTS return opened(at, path, flags | O_LARGEFILE, rights); }

int close(int fd) {
  begin();
  struct file *file = file_of(fd);
  if (file) {
    pthread_mutex_lock(&mutex);
    if (!file->index) note(CLOSE, fd, file->inode, 0, file->path, NULL, 0);
    free(file->path);
    file->path = NULL;
    pthread_mutex_unlock(&mutex);
  }
  return real_close(fd);
}

static ssize_t wrote(int fd, const void *data, size_t length, off_t offset, int positioned) {
  struct file *file = file_of(fd);
  if (!file || file->index) return positioned ? real_pwrite64(fd, data, length, offset) : real_write(fd, data, length);
  pthread_mutex_lock(&mutex);
  enum mode mode = fate(file->path, file->slot, WRITE);
  ssize_t result = -1;
  if (!positioned) offset = lseek(fd, 0, SEEK_CUR);
  if (mode == SHORT) {
    struct slot *slot = &slots[file->slot];
    if (length < 2 || slot->failed > 1) mode = FULL;
    else length /= 2;
  }
  if (mode == NONE || mode == DONE || mode == SHORT) {
    result = positioned ? real_pwrite64(fd, data, length, offset) : real_write(fd, data, length);
    int error = errno;
    if (result > 0) note(WRITE, (int)result, file->inode, offset, file->path, data, (uint32_t)result);
    errno = error;
  }
  if (mode == DONE || mode == IO || mode == FULL || mode == BUSY) result = failure(mode);
  pthread_mutex_unlock(&mutex);
  return result;
}
ssize_t write(int fd, const void *data, size_t length) { begin(); return wrote(fd, data, length, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { begin(); return wrote(fd, data, length, offset, 1); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { begin(); return wrote(fd, data, length, offset, 1); }

ssize_t pread64(int fd, void *data, size_t length, off_t offset) {
  begin();
  struct file *file = slots ? file_of(fd) : NULL;
  if (!file || file->index) return real_pread64(fd, data, length, offset);
  pthread_mutex_lock(&mutex);
  enum mode mode = fate(file->path, file->slot, READ);
  pthread_mutex_unlock(&mutex);
  return mode == NONE ? real_pread64(fd, data, length, offset) : failure(mode);
}

static int cut(int fd, off_t length) {
  struct file *file = file_of(fd);
  if (!file || file->index) return real_ftruncate64(fd, length);
  pthread_mutex_lock(&mutex);
  enum mode mode = fate(file->path, file->slot, TRUNCATE);
  int result = -1;
  if (mode == NONE || mode == DONE || mode == SHORT) {
    result = real_ftruncate64(fd, length);
    if (result == 0) note(TRUNCATE, 0, file->inode, length, file->path, NULL, 0);
  }
  if (mode != NONE && mode != SHORT) result = failure(mode);
  pthread_mutex_unlock(&mutex);
  return result;
}
int ftruncate(int fd, off_t length) { begin(); return cut(fd, length); }
int ftruncate64(int fd, off_t length) { begin(); return cut(fd, length); }

static int synced(int fd, int (*real)(int)) {
  struct file *file = file_of(fd);
  if (!file) return real(fd);
  if (no_sync && ends(file->path, no_sync)) return 0;
  pthread_mutex_lock(&mutex);
  enum mode mode = fate(file->path, file->slot, SYNC);
  int result = -1;
  if (slots) {
    slots[file->slot].syncs++;
    /* a draft that failed is closed, which syncs it once more, and thrown away */
    if (file->broken && !strstr(file->path, ".new-")) slots[file->slot].again++;
  }
  if (mode == NONE || mode == DONE || mode == SHORT) {
    result = real(fd);
    if (result == 0) note(SYNC, 0, file->inode, 0, file->path, NULL, 0);
  }
  if (mode != NONE && mode != SHORT) {
    if (mode != DONE) note(SYNC, -1, file->inode, 0, file->path, NULL, 0);
    result = failure(mode);
  }
  if (result != 0) file->broken = 1;
  pthread_mutex_unlock(&mutex);
  return result;
}
int fsync(int fd) { begin(); return synced(fd, real_fsync); }
int fdatasync(int fd) { begin(); return synced(fd, real_fdatasync); }

/* Names: the old one stands as the path, the new one as the data. */
static int named(const char *path, const char *other, int (*two)(const char *, const char *), int (*one)(const char *), char what) {
  const char *rest = ours(path);
  if (!rest || ends(rest, "-shm") || (!two && access(path, F_OK) != 0)) return two ? two(path, other) : one(path);
  pthread_mutex_lock(&mutex);
  enum mode mode = fate(rest, slot_of(rest), NAME);
  int result = -1, error = 0;
  if (mode == NONE || mode == DONE || mode == SHORT) {
    result = two ? two(path, other) : one(path);
    error = errno;
    const char *to = other ? ours(other) : NULL;
    if (result == 0) note(NAME, what, 0, 0, rest, to ? to : "", to ? strlen(to) : 0);
    errno = error;
  }
  if (mode != NONE && mode != SHORT) result = failure(mode);
  pthread_mutex_unlock(&mutex);
  return result;
}
int link(const char *path, const char *other) { begin(); return named(path, other, real_link, NULL, 'l'); }
int rename(const char *path, const char *other) { begin(); return named(path, other, real_rename, NULL, 'r'); }
int unlink(const char *path) { begin(); return named(path, NULL, NULL, real_unlink, 'u'); }
int remove(const char *path) { begin(); return named(path, NULL, NULL, real_remove, 'u'); }
int unlinkat(int at, const char *path, int flags) {
  begin();
  return at == AT_FDCWD && flags == 0 ? named(path, NULL, NULL, real_unlink, 'u') : real_unlinkat(at, path, flags);
}

int mkdir(const char *path, mode_t rights) {
  begin();
  const char *rest = ours(path);
  int result = real_mkdir(path, rights);
  if (rest && result == 0) note(MAKE, 0, 0, 0, rest, NULL, 0);
  return result;
}

/* SQLite's lock for writing in WAL mode is byte 120 of the -shm file. */
static int locked(int fd, int command, void *argument) {
  struct file *file = file_of(fd);
  if (file && file->index && command == F_SETLK) {
    struct flock *lock = argument;
    if (lock->l_type == F_WRLCK && lock->l_start == 120 && fate(file->path, file->slot, LOCK) != NONE) return failure(BUSY);
  }
  return real_fcntl64(fd, command, argument);
}
int fcntl(int fd, int command, ...) { begin(); va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list); return locked(fd, command, argument); }
int fcntl64(int fd, int command, ...) { begin(); va_list list; va_start(list, command); void *argument = va_arg(list, void *); va_end(list); return locked(fd, command, argument); }

/* Of the main thread only: that is where SQLite waits. */
int nanosleep(const struct timespec *time, struct timespec *rest) { begin(); return no_wait && gettid() == getpid() ? 0 : real_nanosleep(time, rest); }
