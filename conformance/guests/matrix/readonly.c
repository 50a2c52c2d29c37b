// Every call that takes a path on a read-only mount, a read-only file system, and mounts with nodev, noexec, nosuid and
// nosymfollow; by root and by others. mount(2).
#include "calls.h"

int main(void)
{
    static const struct { const char *name; unsigned long flags; int fs; } mounts[] = {
        { "ro-bind", MS_RDONLY, 0 }, { "ro-fs", MS_RDONLY, 1 }, { "nodev", MS_NODEV, 0 }, { "noexec", MS_NOEXEC, 0 },
        { "nosymfollow", 256, 0 }, { "noatime", MS_NOATIME, 0 },
    };
    static const mode_t modes[] = { 0777, 0500 };
    static const int who_list[] = { ROOT, OWNER, OTHER };
    world();
    must(mkdir("m", 0755));
    for (int mt = 0; mt < COUNT(mounts); mt++)
        for (int c = 0; c < COUNT(calls); c++)
            for (int type = 0; type < TYPES; type++)
                for (int m = 0; m < COUNT(modes); m++)
                    for (int who = 0; who < COUNT(who_list); who++) {
                        if (!take()) continue;
                        must(mount("m", "m", "tmpfs", 0, "mode=777"));
                        must(mkdir("m/d", 0777));
                        make("m/d/x", type, modes[m]);
                        must(mkdir("m/d2", 0777)); make("m/d2/f2", REG, 0666); must(mkdir("m/d2/s2", 0777));
                        age("m/d/x"); age("m/d"); age("m/d/x.t");
                        must(mount(0, "m", 0, MS_REMOUNT | (mounts[mt].fs ? 0 : MS_BIND) | mounts[mt].flags, 0));
                        int back = must(open(".", O_PATH));
                        must(chdir("m"));
                        become(who_list[who]);
                        errno = 0;
                        long r = calls[c].call("d/x");
                        int e = errno;
                        unbecome();
                        errno = e;
                        add("%s %s %s f%o %s", mounts[mt].name, calls[c].name, type_names[type], modes[m], caller_names[who_list[who]]);
                        add_result(r);
                        add_state("x", "d/x"); add_state("d", "d");
                        if (type == TOREG) add_state("t", "d/x.t");
                        add("\n");
                        must(fchdir(back));
                        close(back);
                        must(umount2("m", MNT_DETACH));
                    }
    return 0;
}
