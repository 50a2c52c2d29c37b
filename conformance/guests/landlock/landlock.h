/* landlock.h - helpers of the programs of this folder. */
#include "../guest.h"
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TRY(what, call) do { errno = 0; long r_ = (call); say("%s: %s\n", what, r_ < 0 ? ename(errno) : "ok"); } while (0)
#define FS(name) LANDLOCK_ACCESS_FS_##name

static UNUSED int ruleset(uint64_t fs, uint64_t net, uint64_t scoped)
{
    struct landlock_ruleset_attr a = { .handled_access_fs = fs, .handled_access_net = net, .scoped = scoped };
    return syscall(SYS_landlock_create_ruleset, &a, sizeof a, 0);
}

static UNUSED int allow(int rules, const char *path, uint64_t access)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return -1;
    struct landlock_path_beneath_attr p = { .allowed_access = access, .parent_fd = fd };
    int r = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &p, 0), e = errno;
    close(fd);
    errno = e;
    return r;
}

static UNUSED int allow_port(int rules, uint64_t port, uint64_t access)
{
    struct landlock_net_port_attr p = { .allowed_access = access, .port = port };
    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_NET_PORT, &p, 0);
}

/* The thread puts itself under the rules for good. */
static UNUSED int enforce(int rules)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int r = syscall(SYS_landlock_restrict_self, rules, 0);
    close(rules);
    return r;
}

static UNUSED void need_landlock(int abi)
{
    if (syscall(SYS_landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION) < abi) skip("no such Landlock here");
}

static UNUSED int child_of(pid_t p)
{
    int st;
    waitpid(p, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 1000 + WTERMSIG(st);
}
