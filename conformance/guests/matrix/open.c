// open with every combination of its flags on every type of file, with and without a slash behind, through open and
// openat2; what F_GETFL says then. open(2), openat2(2).
#include "matrix.h"

int main(void)
{
    static const int acc[] = { O_RDONLY, O_WRONLY, O_RDWR, 3 };
    static const int bits[] = { O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH, __O_TMPFILE };
    static const char *const bit_names[] = { "c", "x", "t", "d", "n", "p", "T" };
    world();
    must(mkdir("d", 0777));
    for (int two = 0; two < 2; two++)
        for (int type = 0; type < TYPES; type++)
            for (int slash = 0; slash < 2; slash++)
                for (int ac = 0; ac < COUNT(acc); ac++)
                    for (int set = 0; set < 1 << COUNT(bits); set++) {
                        if (!take()) continue;
                        char names[16] = "";
                        int flags = acc[ac] | O_NONBLOCK;
                        for (int i = 0; i < COUNT(bits); i++)
                            if (set >> i & 1) { flags |= bits[i]; strcat(names, bit_names[i]); }
                        wipe("d/x"); wipe("d/x.t"); wipe("d/nothing");
                        make("d/x", type, 0777);
                        errno = 0;
                        const char *path = slash ? "d/x/" : "d/x";
                        struct open_how how = { .flags = flags, .mode = flags & (O_CREAT | __O_TMPFILE) ? 0640 : 0 };
                        long fd = two ? syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how) : open(path, flags, 0640);
                        add("open%s %s%s %d%s", two ? "at2" : "", type_names[type], slash ? "/" : "", acc[ac], names);
                        add_result(fd);
                        if (fd >= 0) {
                            struct stat st;
                            add(" fl=%o", fcntl(fd, F_GETFL));
                            must(fstat(fd, &st));
                            add(" is=%o,%d", st.st_mode, (int)st.st_nlink);
                            close(fd);
                        }
                        add_state("x", "d/x"); add_state("n", "d/nothing");
                        add("\n");
                    }
    return 0;
}
