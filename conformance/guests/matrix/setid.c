// What becomes of set-id and sticky bits: each change by each caller, on files and directories, and what new files in
// set-group-ID directories get. chmod(2), chown(2), inode(7), write(2).
#include "matrix.h"

static const char *const ops[] = { "chmod-7777", "chmod-6777", "chmod-2755", "chmod-1755", "chmod-0755", "chown-same", "chown-none",
    "chgrp-same", "chgrp-own", "write", "pwrite-0", "truncate", "ftruncate-same", "open-trunc", "fallocate", "setxattr", "link",
    "utimes", "splice", "mmap-write" };

static long with_fd(int op)
{
    int fd = open("d/x", op == 13 ? O_WRONLY | O_TRUNC : O_RDWR), p[2];
    if (fd < 0) return -1;
    long r = 0;
    if (op == 9) r = write(fd, "y", 1);
    else if (op == 10) r = pwrite(fd, "y", 0, 0);
    else if (op == 12) r = ftruncate(fd, 8);
    else if (op == 14) r = fallocate(fd, 0, 0, 20);
    else if (op == 18) {
        must(pipe(p)); must(write(p[1], "zz", 2));
        r = splice(p[0], 0, fd, 0, 2, 0);
        int e = errno; close(p[0]); close(p[1]); errno = e;
    } else if (op == 19) {
        char *m = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (m == MAP_FAILED) r = -1;
        else { m[0] = 'q'; munmap(m, 4096); }
    }
    int e = errno;
    close(fd);
    errno = e;
    return r;
}

static long run(int op)
{
    static const mode_t to[] = { 07777, 06777, 02755, 01755, 0755 };
    switch (op) {
    case 0: case 1: case 2: case 3: case 4: return chmod("d/x", to[op]);
    case 5: return chown("d/x", OWNER_UID, -1);
    case 6: return chown("d/x", -1, -1);
    case 7: return chown("d/x", -1, OWNER_GID);
    case 8: return chown("d/x", -1, getegid());
    case 11: return truncate("d/x", 2);
    case 15: return setxattr("d/x", "user.k", "v", 1, 0);
    case 16: return link("d/x", "d/l");
    case 17: return utimensat(AT_FDCWD, "d/x", 0, 0);
    default: return with_fd(op);
    }
}

int main(void)
{
    static const mode_t modes[] = { 04777, 02777, 06777, 07777, 02767, 06766, 01777, 04666, 02676 };
    static const gid_t groups[] = { OWNER_GID, 0 };
    world();
    must(mkdir("d", 0777));
    for (int op = 0; op < COUNT(ops); op++)
        for (int type = REG; type <= DIR_; type++)
            for (int m = 0; m < COUNT(modes); m++)
                for (int g = 0; g < COUNT(groups); g++)
                    for (int who = 0; who < CALLERS; who++) {
                        if (!take()) continue;
                        wipe("d/x"); wipe("d/l");
                        make("d/x", type, 0777);
                        must(chown("d/x", -1, groups[g]));
                        must(chmod("d/x", modes[m]));
                        become(who);
                        errno = 0;
                        long r = run(op);
                        int e = errno;
                        unbecome();
                        errno = e;
                        add("%s %s %o g%d %s", ops[op], type_names[type], modes[m], groups[g], caller_names[who]);
                        add_result(r);
                        add_state("x", "d/x");
                        add("\n");
                    }
    /* New files: modes asked for, umask, set-group-ID of the directory, its group. */
    static const mode_t asked[] = { 0, 0644, 0777, 02755, 02745, 04755, 06777, 07777, 01777 }, masks[] = { 0, 022, 077, 0777 }, dirs[] = { 0777, 02777, 03777 };
    static const char *const kinds[] = { "open", "mkdir", "mkfifo", "mknod", "tmpfile-link", "symlink", "bind" };
    for (int k = 0; k < COUNT(kinds); k++)
        for (int a = 0; a < COUNT(asked); a++)
            for (int u = 0; u < COUNT(masks); u++)
                for (int dm = 0; dm < COUNT(dirs); dm++)
                    for (int g = 0; g < COUNT(groups); g++)
                        for (int who = 0; who < CALLERS; who++) {
                            if (!take()) continue;
                            wipe("d"); must(mkdir("d", 0777)); must(chown("d", 0, groups[g])); must(chmod("d", dirs[dm]));
                            umask(masks[u]);
                            become(who);
                            errno = 0;
                            long r = 0;
                            int fd = -1;
                            struct sockaddr_un sa = { AF_UNIX, "d/x" };
                            switch (k) {
                            case 0: r = shut(open("d/x", O_CREAT | O_EXCL | O_WRONLY, asked[a])); break;
                            case 1: r = mkdir("d/x", asked[a]); break;
                            case 2: r = mkfifo("d/x", asked[a]); break;
                            case 3: r = mknod("d/x", S_IFREG | asked[a], 0); break;
                            case 4:
                                r = fd = open("d", O_TMPFILE | O_RDWR, asked[a]);
                                char proc[64];
                                snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
                                if (fd >= 0) r = linkat(AT_FDCWD, proc, AT_FDCWD, "d/x", AT_SYMLINK_FOLLOW);
                                break;
                            case 5: r = symlink("t", "d/x"); break;
                            case 6: r = fd = socket(AF_UNIX, SOCK_DGRAM, 0); fchmod(fd, 0751); r = bind(fd, (void *)&sa, sizeof sa); break;
                            }
                            int e = errno;
                            if (fd >= 0) close(fd);
                            unbecome();
                            umask(0);
                            errno = e;
                            add("%s %o umask %o d%o,g%d %s", kinds[k], asked[a], masks[u], dirs[dm], groups[g], caller_names[who]);
                            add_result(r);
                            add_state("x", "d/x");
                            add("\n");
                        }
    return 0;
}
