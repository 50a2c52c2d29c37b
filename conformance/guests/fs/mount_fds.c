// Mounting by descriptors: fsopen, fsconfig, fsmount, fspick, open_tree, move_mount, mount_setattr, statmount, listmount; their errors.
// The calls' own pages.
#include "guest.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <linux/stat.h>

static char base[PATH_MAX];
static long attr_(int fd, const char *p, unsigned flags, uint64_t set, uint64_t clr, uint64_t prop)
{
    struct { uint64_t set, clr, prop, ns; } a = { set, clr, prop, 0 };
    return syscall(SYS_mount_setattr, fd, p, flags, &a, sizeof a);
}
static void show_mounts(const char *label)
{
    char line[1024], out[4096];
    FILE *f = fopen("/proc/self/mountinfo", "r");
    int o = snprintf(out, sizeof out, "%s:", label);
    while (fgets(line, sizeof line, f)) {
        char root[256], at[512], opts[256], rest[512];
        if (sscanf(line, "%*d %*d %*s %255s %511s %255s %511[^\n]", root, at, opts, rest) < 4) continue;
        if (strncmp(at, base, strlen(base)) || !at[strlen(base)]) continue;
        char *dash = strstr(rest, "- ");
        char type[32], src[64], sb[256];
        sscanf(dash + 2, "%31s %63s %255s", type, src, sb);
        char *inode = strstr(sb, ",inode64");
        if (inode) memmove(inode, inode + 8, strlen(inode + 8) + 1);
        o += snprintf(out + o, sizeof out - o, " [%s %s %s %s %s %s]", root, at + strlen(base), opts, type, src, sb);
    }
    fclose(f);
    say("%s\n", out);
}

int main(void)
{
    fresh();
    xmkdtemp();
    must(unshare(CLONE_NEWNS));
    must(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0));
    must(getcwd(base, sizeof base) ? 0 : -1);
    must(mount("t", base, "tmpfs", 0, "mode=755"));
    must(chdir(base));
    mkdir("a", 0755); mkdir("b", 0755); mkdir("c", 0755);

    ok(syscall(SYS_fsopen, "nosuchfs", 0));
    ok(syscall(SYS_fsopen, "tmpfs", 8));
    ok(syscall(SYS_fsopen, 0, 0));
    int fs = must(syscall(SYS_fsopen, "tmpfs", 1));
    v(fcntl(fs, F_GETFD));
    char buf[600];
    t(read(fs, buf, sizeof buf));
    t(syscall(SYS_fsmount, fs, 0, 0));
    t(syscall(SYS_fsconfig, fs, 1, "source", "here", 0));
    t(syscall(SYS_fsconfig, fs, 1, "source", "there", 0));
    t(syscall(SYS_fsconfig, fs, 1, "size", "1M", 0));
    t(syscall(SYS_fsconfig, fs, 1, "mode", "750", 0));
    t(syscall(SYS_fsconfig, fs, 1, "mode", "9", 0));
    t(syscall(SYS_fsconfig, fs, 1, "nonsense", "x", 0));
    t(syscall(SYS_fsconfig, fs, 0, "nonsense", 0, 0));
    t(syscall(SYS_fsconfig, fs, 0, "ro", 0, 0));
    t(syscall(SYS_fsconfig, fs, 0, "rw", 0, 0));
    t(syscall(SYS_fsconfig, fs, 0, "ro", "x", 0));
    t(syscall(SYS_fsconfig, fs, 1, 0, "x", 0));
    t(syscall(SYS_fsconfig, fs, 1, "size", "1M", 1));
    t(syscall(SYS_fsconfig, fs, 99, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 7, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 6, "k", 0, 0));
    t(syscall(SYS_fsconfig, 0, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, -1, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, 77, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 1, "size", "2M", 0));
    t(syscall(SYS_fsmount, fs, 2, 0));
    t(syscall(SYS_fsmount, fs, 0, 0x40));
    t(syscall(SYS_fsmount, 0, 0, 0));
    int m = must(syscall(SYS_fsmount, fs, 1, 0x2 | 0x4));
    t(syscall(SYS_fsmount, fs, 0, 0));
    v((fcntl(m, F_GETFL) & O_PATH) != 0);
    int f = must(openat(m, "inside", O_CREAT | O_RDWR, 0644));
    close(f);
    show_mounts("detached");
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "a", 0));
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "nowhere", 4));
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "a", 0x1000));
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "a", 4));
    show_mounts("attached");
    t(access("a/inside", F_OK));
    t(syscall(SYS_move_mount, m, "", AT_FDCWD, "b", 4));
    show_mounts("moved");
    close(m);
    close(fs);
    show_mounts("closed");

    /* open_tree */
    t(syscall(SYS_open_tree, AT_FDCWD, "b", 0x40));
    ok(syscall(SYS_open_tree, AT_FDCWD, "b", AT_RECURSIVE));
    ok(syscall(SYS_open_tree, AT_FDCWD, "none", 0));
    int tree = must(syscall(SYS_open_tree, AT_FDCWD, "b", 0));
    t(read(tree, buf, 1));
    t(syscall(SYS_move_mount, tree, "", AT_FDCWD, "c", 4));
    show_mounts("moved by path fd");
    close(tree);
    mkdir("c/sub", 0755);
    must(mount("sub", "c/sub", "tmpfs", 0, "mode=700"));
    tree = must(syscall(SYS_open_tree, AT_FDCWD, "c", 1));
    t(openat(tree, "sub", O_PATH) > 0);
    t(syscall(SYS_move_mount, tree, "", AT_FDCWD, "a", 4));
    close(tree);
    tree = must(syscall(SYS_open_tree, AT_FDCWD, "c", 1 | AT_RECURSIVE));
    int inner = must(openat(tree, "sub", O_PATH | O_DIRECTORY));
    v(attr_(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, 1, 0, 0));
    close(tree);
    t(openat(inner, "x", O_CREAT | O_RDWR, 0644));
    t(syscall(SYS_move_mount, inner, "", AT_FDCWD, "b", 4));
    close(inner);
    show_mounts("cloned");

    /* mount_setattr */
    t(attr_(AT_FDCWD, "a", 0, 1, 0, 0));
    t(open("a/new", O_CREAT | O_RDWR, 0644));
    t(attr_(AT_FDCWD, "a", 0, 0, 1, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x10, 0, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x10, 0x70, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x30, 0x70, 0));
    t(attr_(AT_FDCWD, "a", 0, 8, 0x10, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x20, 0x70, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x80 | 0x200000, 0, 0));
    t(attr_(AT_FDCWD, "a", 0, 0x400, 0, 0));
    t(attr_(AT_FDCWD, "a", 0x10000, 1, 0, 0));
    t(attr_(AT_FDCWD, "a/sub", 0, 1, 0, 0));
    t(attr_(AT_FDCWD, "none", 0, 0, 0, 0));
    t(attr_(AT_FDCWD, "none", 0, 1, 0, 0));
    t(attr_(AT_FDCWD, "a", 0, 0, 0, MS_SHARED));
    t(attr_(AT_FDCWD, "a", 0, 0, 0, MS_SHARED | MS_PRIVATE));
    t(attr_(AT_FDCWD, "a", 0, 0, 0, 7));
    t(attr_(AT_FDCWD, "a", 0, 0, 0, MS_PRIVATE));
    t(syscall(SYS_mount_setattr, AT_FDCWD, "a", 0, buf, 8));
    t(syscall(SYS_mount_setattr, AT_FDCWD, "a", 0, buf, 5000));
    t(syscall(SYS_mount_setattr, AT_FDCWD, "a", 0, 0, 32));
    f = must(open("c/writer", O_CREAT | O_WRONLY, 0644));
    t(attr_(AT_FDCWD, "c", 0, 1, 0, 0));
    close(f);
    t(attr_(AT_FDCWD, "c", AT_RECURSIVE, 1, 0, 0));
    show_mounts("attributes");
    t(attr_(AT_FDCWD, "c", AT_RECURSIVE, 0, 1, 0));

    /* fspick */
    ok(syscall(SYS_fspick, AT_FDCWD, "c/writer", 0));
    ok(syscall(SYS_fspick, AT_FDCWD, "c", 64));
    fs = must(syscall(SYS_fspick, AT_FDCWD, "c", 1));
    t(syscall(SYS_fsconfig, fs, 6, 0, 0, 0));
    t(syscall(SYS_fsconfig, fs, 1, "size", "3M", 0));
    t(syscall(SYS_fsconfig, fs, 0, "ro", 0, 0));
    t(syscall(SYS_fsconfig, fs, 7, 0, 0, 0));
    show_mounts("reconfigured");
    t(syscall(SYS_fsconfig, fs, 0, "rw", 0, 0));
    t(syscall(SYS_fsconfig, fs, 7, 0, 0, 0));
    close(fs);
    t(mount(0, "c", 0, MS_REMOUNT, "size=4M"));
    t(mount(0, "c", 0, MS_REMOUNT, "size=4M,nonsense"));
    struct statfs st;
    must(statfs("c", &st));
    v(st.f_blocks * st.f_bsize);

    /* statmount, listmount */
    struct statx sx;
    must(syscall(SYS_statx, AT_FDCWD, "c", 0, 0x4000, &sx));
    v((sx.stx_mask & 0x4000) != 0);
    v(sx.stx_mnt_id > 0x7fffffff);
    struct { uint32_t size, spare; uint64_t id, param; } req = { 24, 0, sx.stx_mnt_id, 0x1 | 0x2 | 0x8 | 0x10 | 0x20 };
    struct { uint32_t size, opts; uint64_t mask; uint32_t major, minor; uint64_t magic; uint32_t flags, fs_type; uint64_t id, parent;
        uint32_t old, parent_old; uint64_t attr, prop, peer, master, from; uint32_t root, point; uint64_t ns; char pad[512 - 120]; char str[512]; } sm;
    t(syscall(SYS_statmount, &req, &sm, sizeof sm, 0));
    say("mask %lx magic %lx type %s root %s point %s attr %lx prop %lx same id %d\n", (long)sm.mask & 0x3b, (long)sm.magic, sm.str + sm.fs_type,
        sm.str + sm.root, !strncmp(sm.str + sm.point, base, strlen(base)) ? sm.str + sm.point + strlen(base) : "?", (long)sm.attr, (long)sm.prop, sm.id == sx.stx_mnt_id);
    t(syscall(SYS_statmount, &req, &sm, 512, 0));
    t(syscall(SYS_statmount, &req, &sm, sizeof sm, 1));
    req.id = 12345;
    t(syscall(SYS_statmount, &req, &sm, sizeof sm, 0));
    req.size = 8;
    t(syscall(SYS_statmount, &req, &sm, sizeof sm, 0));
    req.size = 24; req.id = sx.stx_mnt_id; req.param = 0;
    uint64_t ids[64];
    t(syscall(SYS_listmount, &req, ids, 64, 0));
    t(syscall(SYS_listmount, &req, ids, 0, 0));
    t(syscall(SYS_listmount, &req, ids, 64, 4));
    t(syscall(SYS_listmount, &req, 0, 64, 0));
    req.param = ids[0];
    t(syscall(SYS_listmount, &req, ids, 64, 0));

    /* Without the right to. */
    must(setresuid(1000, 1000, 1000));
    t(syscall(SYS_fsopen, "tmpfs", 0));
    ok(syscall(SYS_open_tree, AT_FDCWD, "b", 1));
    t(syscall(SYS_move_mount, AT_FDCWD, "a", AT_FDCWD, "b", 0));
    t(attr_(AT_FDCWD, "a", 0, 1, 0, 0));
    t(syscall(SYS_fsmount, 3, 0, 0));
    t(syscall(SYS_fspick, AT_FDCWD, "a", 0));
    return 0;
}
