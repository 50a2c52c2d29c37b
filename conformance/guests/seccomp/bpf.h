/* bpf.h - filters for the programs of this folder. */
#include "../guest.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#define LD(off) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, off)
#define NR LD(offsetof(struct seccomp_data, nr))
#define RET(x) BPF_STMT(BPF_RET | BPF_K, x)
#define IS(k, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, no)

static UNUSED long seccomp(unsigned op, unsigned flags, void *arg)
{
    return syscall(SYS_seccomp, op, flags, arg);
}

/* Install `insns`; the result as "0", a number or an errno. */
static UNUSED long install_flags(struct sock_filter *insns, int n, unsigned flags)
{
    struct sock_fprog prog = { .len = n, .filter = insns };
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &prog);
}
#define INSTALL(flags, ...) ({ struct sock_filter f_[] = { __VA_ARGS__ }; install_flags(f_, COUNT(f_), flags); })
/* One call gets `action`, the rest is allowed. */
#define ON(nr, action) NR, IS(nr, 1), RET(action), RET(SECCOMP_RET_ALLOW)
#define ON_CALL(nr, action) INSTALL(0, ON(nr, action))

static UNUSED void nnp(void) { prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

static UNUSED const char *status_line(const char *key)
{
    static char b[8192];
    int fd = open("/proc/self/status", O_RDONLY);
    ssize_t n = read(fd, b, sizeof b - 1);
    close(fd);
    b[n > 0 ? n : 0] = 0;
    char *l = strstr(b, key);
    if (!l) return "(none)";
    l[strcspn(l, "\n")] = 0;
    return l;
}
