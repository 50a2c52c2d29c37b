/* fan.h - helpers of the programs of this folder: a file system of their own, and events printed without what varies. */
#include "../guest.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statfs.h>

#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x1000
#endif
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif

static UNUSED void own_place(void)
{
    fresh();
    if (geteuid() != 0) skip("only root may");
    int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);
    if (fd < 0) skip("no fanotify");
    close(fd);
    xmkdtemp();
    if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0)) skip("no mount namespace");
    mkdir("fs", 0755);
    must(mount("none", "fs", "tmpfs", 0, 0));
    must(chdir("fs"));
}

static UNUSED const char *bits(unsigned long mask)
{
    static const struct { unsigned bit; const char *n; } names[] = { { 1, "ACCESS" }, { 2, "MODIFY" }, { 4, "ATTRIB" }, { 8, "CLOSE_WRITE" }, { 0x10, "CLOSE_NOWRITE" }, { 0x20, "OPEN" }, { 0x40, "MOVED_FROM" }, { 0x80, "MOVED_TO" }, { 0x100, "CREATE" }, { 0x200, "DELETE" }, { 0x400, "DELETE_SELF" }, { 0x800, "MOVE_SELF" }, { 0x1000, "OPEN_EXEC" }, { 0x4000, "Q_OVERFLOW" }, { 0x10000, "OPEN_PERM" }, { 0x20000, "ACCESS_PERM" }, { 0x40000, "OPEN_EXEC_PERM" }, { 0x10000000, "RENAME" }, { 0x40000000, "ONDIR" } };
    static char b[400];
    b[0] = 0;
    for (int i = 0; i < COUNT(names); i++) if (mask & names[i].bit) { strcat(b, " "); strcat(b, names[i].n); mask &= ~(unsigned long)names[i].bit; }
    if (mask) sprintf(b + strlen(b), " %#lx", mask);
    return b;
}

/* What a descriptor refers to, from the last slash on but one. */
static UNUSED const char *tail_of(int fd)
{
    static char path[PATH_MAX];
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return ename(errno);
    path[n] = 0;
    char *s = strstr(path, "/fs");
    return s ? s + 1 : path;
}

/* Print the records behind an event: where handles lead, names. */
static UNUSED void records(struct fanotify_event_metadata *m, int place)
{
    char *p = (char *)m + m->metadata_len, *end = (char *)m + m->event_len;
    while (p < end) {
        struct fanotify_event_info_header *h = (void *)p;
        if (h->info_type == 4) {
            int pfd = ((struct fanotify_event_info_pidfd *)p)->pidfd;
            say("    pidfd %s len %d\n", pfd >= 0 ? "there" : pfd == -1 ? "NOPIDFD" : "EPIDFD", h->len);
            if (pfd >= 0) close(pfd);
        } else {
            struct fanotify_event_info_fid *f = (void *)p;
            struct file_handle *fh = (void *)f->handle;
            struct statfs st;
            fstatfs(place, &st);
            int same = memcmp(&st.f_fsid, &f->fsid, 8) == 0;
            int fd = open_by_handle_at(place, fh, O_PATH);
            const char *name = h->info_type == 1 || h->info_type == 3 ? "-" : (char *)fh->f_handle + fh->handle_bytes;
            say("    type %d len %d fsid %s bytes %d of %s name %s\n", h->info_type, h->len, same ? "ok" : "?", fh->handle_bytes, fd < 0 ? ename(errno) : tail_of(fd), name);
            if (fd >= 0) close(fd);
        }
        p += h->len;
    }
}

static UNUSED int events_of(int fan, const char *what, int place)
{
    static char b[65536] __attribute__((aligned(8)));
    int n = 0;
    ssize_t r;
    if (what) say("%s\n", what);
    while ((r = read(fan, b, sizeof b)) > 0)
        for (struct fanotify_event_metadata *m = (void *)b; FAN_EVENT_OK(m, r); m = FAN_EVENT_NEXT(m, r)) {
            n++;
            say(" %s%s%s%s\n", bits(m->mask), m->fd >= 0 ? " fd of " : m->fd == FAN_NOFD ? "" : " ?", m->fd >= 0 ? tail_of(m->fd) : "", m->pid == getpid() ? "" : m->pid ? " by another" : " by nobody");
            if (m->event_len > m->metadata_len) records(m, place);
            if (m->fd >= 0) close(m->fd);
        }
    if (r < 0 && errno != EAGAIN) say("  read: %s\n", ename(errno));
    return n;
}
