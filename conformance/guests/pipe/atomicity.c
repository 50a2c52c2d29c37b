/* pipe(7): writes of up to PIPE_BUF bytes never mix; several readers share; wake-ups of all that can go on; order of blocked writers' data;
 * throughput through a chain of processes. */
#include "../guest.h"

int main(void)
{
    fresh();
    int p[2];
    char b[4096];
    must(pipe(p));
    /* Four writers of records; each record is one letter, its length in the first bytes. */
    for (int w = 0; w < 4; w++)
        spawn({
            close(p[0]);
            for (int i = 0; i < 300; i++) {
                int n = 8 + (i * 37 + w * 11) % 3000;
                memset(b, 'a' + w, n);
                memcpy(b, &n, 4);
                if (write(p[1], b, n) != n) _exit(1);
            }
        });
    close(p[1]);
    FILE *f = fdopen(p[0], "r");
    int n, mixed = 0, count[4] = { 0 };
    while (fread(&n, 4, 1, f) == 1) {
        if (n < 8 || n > 4096) { mixed = 999; break; }
        fread(b, n - 4, 1, f);
        for (int i = 1; i < n - 4; i++) mixed += b[i] != b[0];
        if (b[0] >= 'a' && b[0] < 'e') count[b[0] - 'a']++;
    }
    int st, bad = 0;
    while (wait(&st) > 0) bad += st != 0;
    say("records %d %d %d %d, mixed bytes %d, failed writers %d\n", count[0], count[1], count[2], count[3], mixed, bad);
    fclose(f);

    say("-- several readers: every byte is read once\n");
    int out[2];
    must(pipe(p));
    must(pipe(out));
    for (int r = 0; r < 3; r++)
        spawn({
            close(p[1]);
            long sum = 0;
            ssize_t k;
            while ((k = read(p[0], b, 100)) > 0) for (int i = 0; i < k; i++) sum += (unsigned char)b[i];
            write(out[1], &sum, sizeof sum);
        });
    close(p[0]);
    long want = 0;
    for (int i = 0; i < 500; i++) { for (int k = 0; k < 777; k++) { b[k] = i + k; want += (unsigned char)b[k]; } write(p[1], b, 777); }
    close(p[1]);
    long total = 0;
    for (int r = 0; r < 3; r++) { long x; read(out[0], &x, sizeof x); total += x; }
    while (wait(0) > 0) {}
    v(total == want);

    say("-- a close wakes all blocked readers, a reader's close all writers\n");
    must(pipe(p));
    for (int r = 0; r < 4; r++) { pid_t c = spawn({ close(p[1]); _exit(read(p[0], b, 1) == 0 ? 7 : 8); }); settle(c); }
    close(p[1]);
    int sum = 0;
    for (int r = 0; r < 4; r++) { wait(&st); sum += WEXITSTATUS(st); }
    v(sum);
    must(pipe(p));
    static char full[65536];
    write(p[1], full, 65536);
    for (int r = 0; r < 4; r++) { pid_t c = spawn({ close(p[0]); signal(SIGPIPE, SIG_IGN); _exit(write(p[1], b, 10) < 0 && errno == EPIPE ? 9 : 8); }); settle(c); }
    close(p[0]);
    sum = 0;
    for (int r = 0; r < 4; r++) { wait(&st); sum += WEXITSTATUS(st); }
    v(sum);
    close(p[1]);

    say("-- a chain of ten\n");
    int in = -1, first;
    must(pipe(p));
    in = p[0];
    first = p[1];
    for (int i = 0; i < 10; i++) {
        int q[2];
        must(pipe(q));
        spawn({ close(first); close(q[0]); ssize_t k; while ((k = read(in, b, sizeof b)) > 0) { for (int j = 0; j < k; j++) b[j]++; for (ssize_t o = 0; o < k;) o += write(q[1], b + o, k - o); } });
        close(in);
        close(q[1]);
        in = q[0];
    }
    pid_t feeder = spawn({ memset(b, 'A', sizeof b); for (int i = 0; i < 64; i++) write(first, b, sizeof b); });
    close(first);
    long got = 0, wrong = 0;
    ssize_t k;
    while ((k = read(in, b, sizeof b)) > 0) { got += k; for (int j = 0; j < k; j++) wrong += b[j] != 'A' + 10; }
    reap(feeder, "feeder");
    while (wait(0) > 0) {}
    say("through the chain %ld, wrong %ld\n", got, wrong);
    say("-- ping-pong of single bytes\n");
    int q[2];
    must(pipe(p));
    must(pipe(q));
    pid_t c = spawn({ char x; close(p[1]); while (read(p[0], &x, 1) == 1) { x++; write(q[1], &x, 1); } });
    close(p[0]);
    char x = 0;
    for (int i = 0; i < 1000; i++) { write(p[1], &x, 1); read(q[0], &x, 1); }
    v(x == (char)1000);
    close(p[1]);
    reap(c, "child");
    return 0;
}
