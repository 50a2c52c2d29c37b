/* keyrings(7): those of threads, processes, sessions and users; links, circles, moves, restrictions; what children and programs inherit. */
#include "keys.h"

static void *thread(void *unused)
{
    TRY("  thread: its own keyring", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0));
    TRY("  thread: the process's", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
    list("  thread: the session's", KEY_SPEC_SESSION_KEYRING);
    return 0;
}

static void inherit(void)
{
    TRY("thread: none yet", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0));
    TRY("process: none yet", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
    TRY("auth", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_REQKEY_AUTH_KEY, 0));
    TRY("group", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_GROUP_KEYRING, 1));
    add("user", "t", "t", 1, KEY_SPEC_THREAD_KEYRING);
    add("user", "p", "p", 1, KEY_SPEC_PROCESS_KEYRING);
    add("user", "s", "s", 1, KEY_SPEC_SESSION_KEYRING);
    describe("thread", KEY_SPEC_THREAD_KEYRING);
    describe("process", KEY_SPEC_PROCESS_KEYRING);
    describe("session", KEY_SPEC_SESSION_KEYRING);
    describe("user", KEY_SPEC_USER_KEYRING);
    describe("user session", KEY_SPEC_USER_SESSION_KEYRING);
    for (const char *n = "tps"; *n; n++) {
        char d[2] = { *n };
        say("request %c: %d\n", *n, syscall(SYS_request_key, "user", d, 0, 0) > 0);
    }
    pthread_t th;
    pthread_create(&th, 0, thread, 0);
    pthread_join(th, 0);
    pid_t p = spawn(
        TRY("  child: thread", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0));
        TRY("  child: process", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
        list("  child: session", KEY_SPEC_SESSION_KEYRING);
        add("user", "c", "c", 1, KEY_SPEC_SESSION_KEYRING));
    child_of(p);
    list("after the child", KEY_SPEC_SESSION_KEYRING);
    p = spawn(execl("/proc/self/exe", "x", "again", NULL));
    child_of(p);
}

static void sessions(void)
{
    char name[64];
    snprintf(name, sizeof name, "guest-session-%d", getpid());
    long old = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    pid_t p = spawn(
        long s = ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)name);
        say("  named: %d\n", s > 0 && s != old);
        long again = ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)name);
        say("  once more: another %d\n", again > 0 && again != s);
        s = again;
        TRY("  dot", ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)".x"));
        TRY("  bad address", ctl(KEYCTL_JOIN_SESSION_KEYRING, 16));
        add("user", "in", "x", 1, KEY_SPEC_SESSION_KEYRING);
        /* others may search it: then it can be joined by name */
        ctl(KEYCTL_SETPERM, s, 0x3f3f0000);
        pid_t q = spawn(
            ctl(KEYCTL_JOIN_SESSION_KEYRING, 0);
            list("    fresh", KEY_SPEC_SESSION_KEYRING);
            say("    joined by name: %d\n", ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)name) == s);
            say("    once more: %ld\n", ctl(KEYCTL_JOIN_SESSION_KEYRING, (long)name));
        list("    joined", KEY_SPEC_SESSION_KEYRING));
        child_of(q);
        TRY("  to the parent", ctl(KEYCTL_SESSION_TO_PARENT, 0)));
    child_of(p);
    long now = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    say("the child's session: %d\n", now != old);
    list("given", KEY_SPEC_SESSION_KEYRING);
    long gone = ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    ctl(KEYCTL_JOIN_SESSION_KEYRING, 0);
    nap(100);
    TRY("what nobody has any more", ctl(KEYCTL_DESCRIBE, gone));
}

static void links(void)
{
    long a = add("keyring", "a", 0, 0, KEY_SPEC_SESSION_KEYRING), b = add("keyring", "b", 0, 0, a), c = add("keyring", "c", 0, 0, b);
    long k = add("user", "deep", "x", 1, c);
    say("found below: %d\n", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"deep", 0) == k);
    TRY("itself", ctl(KEYCTL_LINK, a, a));
    TRY("a circle", ctl(KEYCTL_LINK, a, c));
    TRY("a circle over the session", ctl(KEYCTL_LINK, KEY_SPEC_SESSION_KEYRING, c));
    TRY("into a key", ctl(KEYCTL_LINK, c, k));
    TRY("twice", ctl(KEYCTL_LINK, k, a));
    TRY("thrice", ctl(KEYCTL_LINK, k, a));
    list("a", a);
    long k2 = add("user", "deep", "y", 1, b);
    TRY("one of the same name", ctl(KEYCTL_LINK, k2, a));
    list("a", a);
    TRY("unlink what is elsewhere", ctl(KEYCTL_UNLINK, k, a));
    TRY("move", ctl(KEYCTL_MOVE, k, c, a));
    TRY("move what is not there", ctl(KEYCTL_MOVE, k, c, a));
    long k3 = add("user", "deep", "z", 1, c);
    TRY("move over another, exclusively", ctl(KEYCTL_MOVE, k3, c, a, KEYCTL_MOVE_EXCL));
    TRY("move with flags", ctl(KEYCTL_MOVE, k3, c, a, 4));
    TRY("move to where it is", ctl(KEYCTL_MOVE, k3, c, c));
    TRY("search into a keyring", ctl(KEYCTL_SEARCH, c, (long)"user", (long)"deep", a));
    long deep = add("keyring", "d0", 0, 0, KEY_SPEC_SESSION_KEYRING);
    for (int i = 1; i < 9; i++) {
        char n[8];
        snprintf(n, sizeof n, "d%d", i);
        long next = add("keyring", n, 0, 0, deep);
        snprintf(n, sizeof n, "k%d", i);
        add("user", n, "x", 1, next);
        say("depth %d: %s\n", i, ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)n, 0) > 0 ? "found" : key_errno(errno));
        deep = next;
    }
    TRY("restrict", ctl(KEYCTL_RESTRICT_KEYRING, a, 0, 0));
    TRY("restrict again", ctl(KEYCTL_RESTRICT_KEYRING, a, 0, 0));
    TRY("restrict a key", ctl(KEYCTL_RESTRICT_KEYRING, k3, 0, 0));
    TRY("restrict by nothing", ctl(KEYCTL_RESTRICT_KEYRING, b, (long)"user", 0));
    TRY("restrict by a type that cannot", ctl(KEYCTL_RESTRICT_KEYRING, b, (long)"user", (long)"x"));
    TRY("add to a restricted one", add("user", "new", "x", 1, a));
    TRY("link to a restricted one", ctl(KEYCTL_LINK, c, a));
    TRY("unlink from a restricted one", ctl(KEYCTL_UNLINK, k3, a));
    t(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_NO_CHANGE));
    t(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_SESSION_KEYRING));
    t(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_GROUP_KEYRING));
    t(ctl(KEYCTL_SET_REQKEY_KEYRING, KEY_REQKEY_DEFL_DEFAULT));
    TRY("revoke a keyring", ctl(KEYCTL_REVOKE, b));
    TRY("add to it", add("user", "new", "x", 1, b));
    TRY("search in it", ctl(KEYCTL_SEARCH, b, (long)"user", (long)"deep", 0));
    TRY("clear the session", ctl(KEYCTL_CLEAR, KEY_SPEC_SESSION_KEYRING));
    list("cleared", KEY_SPEC_SESSION_KEYRING);
}

/* The reader's own lines of /proc/keys. */
static void shown(void)
{
    char name[64], line[512];
    snprintf(name, sizeof name, "guest-shown-%d", getpid());
    long k = add("user", name, "12345", 5, KEY_SPEC_SESSION_KEYRING);
    ctl(KEYCTL_SET_TIMEOUT, k, 7300);
    FILE *f = fopen("/proc/keys", "r");
    while (f && fgets(line, sizeof line, f)) {
        char *n = strstr(line, name);
        if (!n) continue;
        int id;
        char flags[16], left[16], perm[16], type[16], rest[128];
        int uses, uid, gid;
        sscanf(line, "%x %15s %d %15s %15s %d %d %15s %127[^\n]", &id, flags, &uses, left, perm, &uid, &gid, type, rest);
        say("%d %s %s %s %d %d %s %s\n", id == k, flags, left, perm, uid, gid, type, strchr(rest, ':'));
    }
    if (f) fclose(f);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        TRY("  program: thread", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_THREAD_KEYRING, 0));
        TRY("  program: process", ctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 0));
        list("  program: session", KEY_SPEC_SESSION_KEYRING);
        return 0;
    }
    fresh();
    need_keys();
    must(ctl(KEYCTL_JOIN_SESSION_KEYRING, 0));
    say("-- inheriting\n"), inherit();
    say("-- sessions\n"), sessions();
    say("-- links\n"), links();
    say("-- /proc/keys\n"), shown();
    return 0;
}
