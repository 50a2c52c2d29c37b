// rename over everything: type against type, full and empty directories, the same file under two names, into itself,
// across directories, slashes behind, with every flag. rename(2).
#include "matrix.h"

enum { FULL = TYPES, SAME, CHILD, PARENT, DOTS, KINDS };
static const char *const kind_names[] = { "none", "reg", "dir", "fifo", "sock", "chr", "blk", "to-reg", "to-dir", "dangling", "loop",
    "full-dir", "same-inode", "inside-source", "above-source", "dot-dot" };

int main(void)
{
    static const unsigned flags[] = { 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT, RENAME_NOREPLACE | RENAME_EXCHANGE,
        RENAME_EXCHANGE | RENAME_WHITEOUT, RENAME_NOREPLACE | RENAME_WHITEOUT, 8 };
    static const char *const tails[] = { "", "/" };
    world();
    for (int from = 0; from < KINDS; from++)
        for (int to = 0; to < KINDS; to++)
            for (int f = 0; f < COUNT(flags); f++)
                for (int tail = 0; tail < 4; tail++)
                    for (int across = 0; across < 2; across++) {
                        if (from == SAME || from == CHILD || from == PARENT) continue;
                        if (!take()) continue;
                        char a[64], b[64];
                        wipe("a"); wipe("b");
                        must(mkdir("a", 0755)); must(mkdir("b", 0755));
                        if (from == FULL) { must(mkdir("a/x", 0755)); put("a/x/in", ""); }
                        else if (from < TYPES) make("a/x", from, 0755);
                        const char *dir = across ? "b" : "a";
                        snprintf(a, sizeof a, "a/%s%s", from == DOTS ? ".." : "x", tails[tail & 1]);
                        snprintf(b, sizeof b, "%s/y%s", dir, tails[tail >> 1]);
                        if (to == FULL) { snprintf(b, sizeof b, "%s/y", dir); must(mkdir(b, 0755)); strcat(b, "/in"); put(b, ""); snprintf(b, sizeof b, "%s/y%s", dir, tails[tail >> 1]); }
                        else if (to == SAME) { snprintf(b, sizeof b, "%s/y", dir); linkat(AT_FDCWD, "a/x", AT_FDCWD, b, 0); snprintf(b, sizeof b, "%s/y%s", dir, tails[tail >> 1]); }
                        else if (to == CHILD) snprintf(b, sizeof b, "a/x/y%s", tails[tail >> 1]);
                        else if (to == PARENT) snprintf(b, sizeof b, "a%s", tails[tail >> 1]);
                        else if (to == DOTS) snprintf(b, sizeof b, "%s/..%s", dir, tails[tail >> 1]);
                        else { snprintf(b, sizeof b, "%s/y", dir); make(b, to, 0755); snprintf(b, sizeof b, "%s/y%s", dir, tails[tail >> 1]); }
                        age("a"); age("b");
                        errno = 0;
                        long r = syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, flags[f]);
                        add("%s%s -> %s%s%s flags%u", kind_names[from], tails[tail & 1], across ? "other:" : "", kind_names[to], tails[tail >> 1], flags[f]);
                        add_result(r);
                        char y[8];
                        snprintf(y, sizeof y, "%s/y", dir);
                        add_state("x", "a/x"); add_state("y", y); add_state("a", "a"); add_state("b", "b");
                        add("\n");
                    }
    return 0;
}
