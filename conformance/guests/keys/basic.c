/* add_key(2), keyctl(2), request_key(2): keys, what is refused, permissions, revoked and expired keys, quotas. */
#include "keys.h"

static void errors(void)
{
    TRY("type: null", add(0, "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("type: empty", add("", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("type: long", add("0123456789012345678901234567890123456789", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("type: dot", add(".x", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("type: unknown", add("nonesuch", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("description: null", add("user", 0, "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("description: empty", add("user", "", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("description: dot", add("keyring", ".x", 0, 0, KEY_SPEC_SESSION_KEYRING));
    TRY("description: bad", add("user", (char *)16, "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("payload: bad", add("user", "d", (char *)16, 1, KEY_SPEC_SESSION_KEYRING));
    TRY("payload: none", add("user", "d", 0, 0, KEY_SPEC_SESSION_KEYRING));
    TRY("payload: too much", add("user", "d", malloc(32768), 32768, KEY_SPEC_SESSION_KEYRING));
    TRY("payload: far too much", add("user", "d", "x", 1 << 20, KEY_SPEC_SESSION_KEYRING));
    TRY("payload: for a keyring", add("keyring", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("logon: no service", add("logon", "d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("logon: empty service", add("logon", ":d", "x", 1, KEY_SPEC_SESSION_KEYRING));
    TRY("ring: 0", add("user", "d", "x", 1, 0));
    TRY("ring: -6", add("user", "d", "x", 1, -6));
    TRY("ring: -99", add("user", "d", "x", 1, -99));
    TRY("ring: unknown number", add("user", "d", "x", 1, 0x7ffffff0));
    TRY("operation", ctl(1000, 0));
    TRY("describe 0", ctl(KEYCTL_DESCRIBE, 0));
    TRY("read unknown", ctl(KEYCTL_READ, 0x7ffffff0));
    TRY("instantiate", ctl(KEYCTL_INSTANTIATE, 1));
    TRY("assume 0", ctl(KEYCTL_ASSUME_AUTHORITY, 0));
    TRY("assume -5", ctl(KEYCTL_ASSUME_AUTHORITY, -5));
    TRY("request", syscall(SYS_request_key, "user", "guest: none such", 0, 0));
    TRY("request: type", syscall(SYS_request_key, "nonesuch", "d", 0, 0));
}

static void use(void)
{
    long k = add("user", "one", "hello", 5, KEY_SPEC_SESSION_KEYRING);
    describe("new", k);
    payload("payload", k);
    say("again the same key: %d\n", add("user", "one", "other", 5, KEY_SPEC_SESSION_KEYRING) == k);
    payload("updated by adding", k);
    TRY("update", ctl(KEYCTL_UPDATE, k, (long)"third!", 6));
    payload("updated", k);
    TRY("update to nothing", ctl(KEYCTL_UPDATE, k, 0, 0));
    TRY("update with much", ctl(KEYCTL_UPDATE, k, (long)"x", 5000));
    char b[4] = "...";
    t(ctl(KEYCTL_READ, k, (long)b, 3));
    show("too little room", b, 3);
    t(ctl(KEYCTL_READ, k, 0, 0));
    t(ctl(KEYCTL_GET_SECURITY, k, (long)b, 3));
    long l = add("logon", "guest:secret", "pw", 2, KEY_SPEC_SESSION_KEYRING);
    describe("logon", l);
    payload("logon", l);
    TRY("update a keyring", ctl(KEYCTL_UPDATE, KEY_SPEC_SESSION_KEYRING, (long)"x", 1));
    say("search finds it: %d\n", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"one", 0) == k);
    say("request finds it: %d\n", syscall(SYS_request_key, "user", "one", 0, 0) == k);
    TRY("search: type", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"nonesuch", (long)"one", 0));
    TRY("search: none", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"none", 0));
    TRY("search: in a key", ctl(KEYCTL_SEARCH, k, (long)"user", (long)"one", 0));
    TRY("clear a key", ctl(KEYCTL_CLEAR, k));
    TRY("unlink from a key", ctl(KEYCTL_UNLINK, k, k));
    TRY("set a timeout", ctl(KEYCTL_SET_TIMEOUT, k, 1));
    nap(2100);
    TRY("read an expired one", ctl(KEYCTL_READ, k, 0, 0));
    TRY("link an expired one", ctl(KEYCTL_LINK, k, KEY_SPEC_SESSION_KEYRING));
    TRY("search for an expired one", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"one", 0));
    describe("describe an expired one", k);
    TRY("no timeout any more", ctl(KEYCTL_SET_TIMEOUT, k, 0));
    payload("as before", k);
    TRY("revoke", ctl(KEYCTL_REVOKE, k));
    TRY("read a revoked one", ctl(KEYCTL_READ, k, 0, 0));
    TRY("update a revoked one", ctl(KEYCTL_UPDATE, k, (long)"x", 1));
    TRY("search for a revoked one", ctl(KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, (long)"user", (long)"one", 0));
    TRY("request a revoked one", syscall(SYS_request_key, "user", "one", 0, 0));
    TRY("unlink", ctl(KEYCTL_UNLINK, k, KEY_SPEC_SESSION_KEYRING));
    nap(200);
    TRY("unlink again", ctl(KEYCTL_UNLINK, k, KEY_SPEC_SESSION_KEYRING));
    k = add("user", "two", "x", 1, KEY_SPEC_SESSION_KEYRING);
    TRY("invalidate", ctl(KEYCTL_INVALIDATE, k));
    /* Until the collector has taken it away it is found, but out of reach: EACCES or ENOKEY, as it comes. */
    nap(200);
    TRY("read an invalidated one", ctl(KEYCTL_READ, k, 0, 0));
}

static void permissions(void)
{
    long k = add("user", "mine", "text", 4, KEY_SPEC_SESSION_KEYRING);
    long ring = add("keyring", "shared", 0, 0, KEY_SPEC_SESSION_KEYRING);
    TRY("unknown bits", ctl(KEYCTL_SETPERM, k, 0x40000000));
    TRY("nothing for the possessor", ctl(KEYCTL_SETPERM, k, 0x00010000));
    describe("the user may view", k);
    TRY("read", ctl(KEYCTL_READ, k, 0, 0));
    TRY("write", ctl(KEYCTL_UPDATE, k, (long)"x", 1));
    TRY("setattr", ctl(KEYCTL_SETPERM, k, 0x3f3f3f3f));
    k = add("user", "two", "text", 4, KEY_SPEC_SESSION_KEYRING);
    TRY("others may do all", ctl(KEYCTL_SETPERM, k, 0x3f3f003f));
    ctl(KEYCTL_SETPERM, ring, 0x3f3f003f);
    TRY("chown to nobody", ctl(KEYCTL_CHOWN, k, -1, -1));
    TRY("chgrp", ctl(KEYCTL_CHOWN, k, -1, 1234));
    describe("chgrp", k);
    pid_t p = spawn(
        setgid(1234); setuid(4321);
        describe("  another user, same session", k);
        TRY("  chown", ctl(KEYCTL_CHOWN, k, 4321, -1));
        TRY("  setperm", ctl(KEYCTL_SETPERM, k, 0));
        ctl(KEYCTL_JOIN_SESSION_KEYRING, 0);
        describe("  another user, the group has no right", k);
        describe("  the keyring, as others", ring);
        long own = add("user", "own", "o", 1, ring);
        say("  added: %d\n", own > 0);
        describe("  own", own);
        TRY("  own, unlinked by nobody, read", ctl(KEYCTL_READ, own, 0, 0)));
    child_of(p);
    list("shared", ring);
    TRY("chown", ctl(KEYCTL_CHOWN, k, 77, -1));
    describe("chown", k);
    TRY("setperm of another's", ctl(KEYCTL_SETPERM, k, 0x3f3f0000));
}

static void quota(void)
{
    pid_t p = spawn(
        setgid(5555); setuid(5555);
        ctl(KEYCTL_JOIN_SESSION_KEYRING, 0);
        char *big = calloc(1, 30000), name[32];
        TRY("larger than the quota", add("user", "big", big, 30000, KEY_SPEC_SESSION_KEYRING));
        TRY("half of it", add("user", "half", big, 12000, KEY_SPEC_SESSION_KEYRING));
        TRY("half of it again", add("user", "half2", big, 12000, KEY_SPEC_SESSION_KEYRING));
        TRY("grow", add("user", "half", big, 25000, KEY_SPEC_SESSION_KEYRING));
        TRY("shrink", add("user", "half", big, 10, KEY_SPEC_SESSION_KEYRING));
        int n = 0;
        while (snprintf(name, sizeof name, "k%d", n), add("user", name, "x", 1, KEY_SPEC_SESSION_KEYRING) > 0) n++;
        say("%s than 150 keys, then %s\n", n > 150 ? "more" : "fewer", key_errno(errno));
        TRY("clear", ctl(KEYCTL_CLEAR, KEY_SPEC_SESSION_KEYRING));
        nap(300);
        TRY("again", add("user", "half2", big, 12000, KEY_SPEC_SESSION_KEYRING)));
    child_of(p);
}

int main(void)
{
    fresh();
    need_keys();
    must(ctl(KEYCTL_JOIN_SESSION_KEYRING, 0));
    say("-- errors\n"), errors();
    say("-- use\n"), use();
    say("-- permissions\n"), permissions();
    say("-- quota\n"), quota();
    return 0;
}
