/* keys.h - helpers of the programs of this folder. */
#include "../guest.h"
#include <linux/keyctl.h>
#include <pthread.h>

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %s\n", what, r_ < 0 ? key_errno(errno) : "ok"); } while (0)

static UNUSED const char *key_errno(int e)
{
    switch (e) {
    case EKEYEXPIRED: return "EKEYEXPIRED";
    case EKEYREVOKED: return "EKEYREVOKED";
    case EKEYREJECTED: return "EKEYREJECTED";
    }
    return ename(e);
}

static UNUSED long add(const char *type, const char *desc, const void *data, size_t n, int ring)
{
    return syscall(SYS_add_key, type, desc, data, n, ring);
}
#define ctl(op, ...) ctl_(op, (long[4]){ __VA_ARGS__ })
static UNUSED long ctl_(int op, long *a) { return syscall(SYS_keyctl, op, a[0], a[1], a[2], a[3]); }

/* Description of a key, without anything that varies. */
static UNUSED void describe(const char *what, long key)
{
    char b[512];
    long n = ctl(KEYCTL_DESCRIBE, key, (long)b, sizeof b);
    if (n < 0) say("%s: %s\n", what, key_errno(errno));
    else say("%s: [%ld] %s\n", what, n, b);
}

static UNUSED void payload(const char *what, long key)
{
    char b[256];
    long n = ctl(KEYCTL_READ, key, (long)b, sizeof b);
    if (n < 0) say("%s: %s\n", what, key_errno(errno));
    else show(what, b, n);
}

static UNUSED int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The keys in a keyring, by their descriptions. */
static UNUSED void list(const char *what, long ring)
{
    int ids[64];
    char text[64][128], *order[64];
    long n = ctl(KEYCTL_READ, ring, (long)ids, sizeof ids);
    if (n < 0) { say("%s: %s\n", what, key_errno(errno)); return; }
    for (int i = 0; i < n / 4; i++) {
        if (ctl(KEYCTL_DESCRIBE, ids[i], (long)text[i], 128) < 0) strcpy(text[i], key_errno(errno));
        order[i] = text[i];
    }
    qsort(order, n / 4, sizeof *order, by_text);
    say("%s: %ld keys\n", what, n / 4);
    for (int i = 0; i < n / 4; i++) say("  %s\n", order[i]);
}

static UNUSED void need_keys(void)
{
    if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0) < 0 && errno == ENOSYS) skip("no keys here");
}

static UNUSED int child_of(pid_t p)
{
    int st;
    waitpid(p, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}
