// Who may remove and replace what in a directory: its mode (sticky or not) and owner against the owner of the file and the
// caller. unlink(2), rename(2), inode(7).
#include "matrix.h"

static const char *const ops[] = { "unlink", "rmdir", "rename-from", "rename-over", "exchange", "link-over", "rename-within" };

static long run(int op)
{
    switch (op) {
    case 0: return unlink("d/x");
    case 1: return rmdir("d/x");
    case 2: return rename("d/x", "d2/n");
    case 3: return rename("d2/y", "d/x");
    case 4: return syscall(SYS_renameat2, AT_FDCWD, "d/x", AT_FDCWD, "d2/y", RENAME_EXCHANGE);
    case 5: return link("d2/y", "d/x");
    default: return rename("d/x", "d/n");
    }
}

int main(void)
{
    static const mode_t modes[] = { 0777, 01777, 01755, 0755, 01775, 0333 };
    static const uid_t owners[] = { 0, OWNER_UID, 1003 };
    static const int types[] = { REG, DIR_, DANGLING, FIFO };
    world();
    for (int op = 0; op < COUNT(ops); op++)
        for (int m = 0; m < COUNT(modes); m++)
            for (int od = 0; od < COUNT(owners); od++)
                for (int of = 0; of < COUNT(owners); of++)
                    for (int t = 0; t < COUNT(types); t++)
                        for (int who = 0; who < CALLERS; who++) {
                            if (!take()) continue;
                            wipe("d"); wipe("d2");
                            must(mkdir("d", 0700)); must(mkdir("d2", 0777));
                            make("d/x", types[t], 0755);
                            must(lchown("d/x", owners[of], OWNER_GID));
                            make("d2/y", types[t], 0755);
                            must(chown("d", owners[od], OWNER_GID));
                            must(chmod("d", modes[m]));
                            age("d"); age("d2"); age("d/x");
                            become(who);
                            errno = 0;
                            long r = run(op);
                            int e = errno;
                            unbecome();
                            errno = e;
                            add("%s d%o,%d x%d %s %s", ops[op], modes[m], owners[od], owners[of], type_names[types[t]], caller_names[who]);
                            add_result(r);
                            add_state("x", "d/x"); add_state("d", "d"); add_state("d2", "d2");
                            add("\n");
                        }
    return 0;
}
