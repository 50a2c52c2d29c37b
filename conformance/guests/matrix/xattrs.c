// Extended attributes: each namespace on each type, by each caller; flags; names and values of every length. xattr(7).
#include "matrix.h"

int main(void)
{
    static char long_name[300];
    strcpy(long_name, "user.");
    memset(long_name + 5, 'n', 251);
    static char name255[300];
    strcpy(name255, "user.");
    memset(name255 + 5, 'n', 250);
    static const char *names[] = { "user.k", "trusted.k", "security.k", "system.k", "system.posix_acl_access", "system.posix_acl_default",
        "user.", "trusted.", "security.", "system.", "k", "", "userk", "User.k", "user.k.l", "user.\xff", 0, 0, "security.capability",
        "btrfs.k", ".user" };
    names[16] = long_name; names[17] = name255;
    static const char *const ops[] = { "set", "create", "replace", "badflag", "get", "getsize", "getsmall", "remove", "list", "liststate", "set0", "setbig" };
    static const int types[] = { REG, DIR_, FIFO, SOCK, CHR, TOREG, DANGLING };
    static const mode_t modes[] = { 0755, 01777, 0444 };
    static char big[70000];
    world();
    must(mkdir("d", 0777));
    for (int op = 0; op < COUNT(ops); op++)
        for (int n = 0; n < COUNT(names); n++)
            for (int t = 0; t < COUNT(types); t++)
                for (int m = 0; m < COUNT(modes); m++)
                    for (int who = 0; who < CALLERS; who++)
                        for (int there = 0; there < 2; there++) {
                            if (!take()) continue;
                            /* Capabilities of no bytes at all: later releases refuse what 6.12 stores. */
                            if (op == 10 && n == 18) continue;
                            char buf[600];
                            wipe("d/x"); wipe("d/x.t");
                            make("d/x", types[t], modes[m]);
                            if (there) lsetxattr("d/x", names[n], "0123", 4, 0);
                            become(who);
                            errno = 0;
                            long r = 0;
                            switch (op) {
                            case 0: r = lsetxattr("d/x", names[n], "abc", 3, 0); break;
                            case 1: r = lsetxattr("d/x", names[n], "abc", 3, XATTR_CREATE); break;
                            case 2: r = lsetxattr("d/x", names[n], "abc", 3, XATTR_REPLACE); break;
                            case 3: r = lsetxattr("d/x", names[n], "abc", 3, 4); break;
                            case 4: r = lgetxattr("d/x", names[n], buf, sizeof buf); break;
                            case 5: r = lgetxattr("d/x", names[n], 0, 0); break;
                            case 6: r = lgetxattr("d/x", names[n], buf, 2); break;
                            case 7: r = lremovexattr("d/x", names[n]); break;
                            case 8: r = llistxattr("d/x", buf, sizeof buf); break;
                            case 9: r = llistxattr("d/x", buf, 3); break;
                            case 10: r = lsetxattr("d/x", names[n], "", 0, 0); break;
                            case 11: r = lsetxattr("d/x", names[n], big, 65537, 0); break;
                            }
                            int e = errno;
                            unbecome();
                            add("%s %.20s(%d) %s %o %s%s = ", ops[op], names[n], (int)strlen(names[n]), type_names[types[t]], modes[m], caller_names[who], there ? " set" : "");
                            if (r < 0) add("%s", ename(e)); else add("%ld", r);
                            if (op == 8 && r > 0) for (int i = 0; i < r; i += strlen(buf + i) + 1) add(" %.20s", buf + i);
                            r = lgetxattr("d/x", names[n], buf, sizeof buf);
                            if (r < 0) add(" now %s\n", ename(errno)); else add(" now %ld %.*s\n", r, (int)r, buf);
                        }
    return 0;
}
