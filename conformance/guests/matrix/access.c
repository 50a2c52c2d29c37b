// Every call that takes a path, on every type of file, by every kind of caller, under several modes of the directory and
// the file. path_resolution(7), and each call's own page.
#include "calls.h"

int main(void)
{
    static const mode_t dir_modes[] = { 0777, 0555, 0666, 01777, 0750 }, modes[] = { 0777, 0000, 0750, 0604, 0440 };
    world();
    for (int c = 0; c < COUNT(calls); c++)
        for (int type = 0; type < TYPES; type++)
            for (int dm = 0; dm < COUNT(dir_modes); dm++)
                for (int m = 0; m < COUNT(modes); m++)
                    for (int who = 0; who < CALLERS; who++) {
                        if (!take()) continue;
                        wipe("d");
                        second_dir();
                        must(mkdir("d", 0700));
                        make("d/x", type, modes[m]);
                        /* In the sticky one the owner owns the file only. */
                        if (!(dir_modes[dm] & S_ISVTX)) must(chown("d", OWNER_UID, OWNER_GID));
                        must(chmod("d", dir_modes[dm]));
                        age("d/x"); age("d/x.t"); age("d");
                        become(who);
                        errno = 0;
                        long r = calls[c].call("d/x");
                        int e = errno;
                        unbecome();
                        errno = e;
                        add("%s %s d%o f%o %s", calls[c].name, type_names[type], dir_modes[dm], modes[m], caller_names[who]);
                        add_result(r);
                        add_state("x", "d/x");
                        if (type == TOREG || type == TODIR) add_state("t", "d/x.t");
                        add_state("d", "d");
                        add("\n");
                    }
    return 0;
}
