/* shmget(2), shmat(2), shmctl(2): segments of shared memory: sizes and errors, attaching at places, inheritance, counts, removal while
 * attached, permissions of another user. */
#include "../guest.h"
#include <sys/ipc.h>
#include <sys/shm.h>

static void stat_(const char *label, int id)
{
    struct shmid_ds d;
    if (shmctl(id, IPC_STAT, &d) < 0) { say("%s: %s\n", label, ename(errno)); return; }
    say("%s: size %ld nattch %ld mode %o uid %d cuid %d mine %d times %d %d %d\n", label, (long)d.shm_segsz, (long)d.shm_nattch, d.shm_perm.mode,
        d.shm_perm.uid, d.shm_perm.cuid, d.shm_cpid == getpid(), d.shm_atime != 0, d.shm_dtime != 0, d.shm_ctime != 0);
}

int main(void)
{
    fresh();
    key_t key = 0x5a5a0000 + getpid();
    t(shmget(key, 4096, 0));
    t(shmget(key, 0, IPC_CREAT | 0600));
    t(shmget(IPC_PRIVATE, 0, 0600));
    int id = must(shmget(key, 5000, IPC_CREAT | 0640));
    v(shmget(key, 5000, 0) == id);
    v(shmget(key, 0, 0) == id);
    t(shmget(key, 5001, 0));
    t(shmget(key, 5000, IPC_CREAT | IPC_EXCL));
    stat_("new", id);

    char *a = shmat(id, 0, 0);
    v(a != (void *)-1);
    v(((long)a & 4095) == 0);
    strcpy(a, "shared");
    char *b = shmat(id, 0, SHM_RDONLY);
    show("second attachment", b, 6);
    stat_("twice", id);
    a[8191] = 7;
    v(b[8191]);
    reap(spawn(*(volatile char *)b = 1), "write to a read-only attachment");
    reap(spawn({ stat_("in a child", id); strcpy(a, "child!"); _exit(shmdt(b)); }), "child");
    show("after the child", a, 6);
    stat_("child gone", id);

    t(shmdt(a + 4096));
    t(shmdt(a + 1));
    ok(shmdt(b));
    t(shmdt(b));
    v((long)shmat(id, a, 0));
    v((long)shmat(id, a + 1, 0));
    v((long)shmat(-1, 0, 0));
    char *room = mmap(0, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    v((long)shmat(id, room, 0));
    v(shmat(id, room, SHM_REMAP) == room);
    show("remapped", room, 6);
    munmap(room + 8192, 65536 - 8192);
    v(shmat(id, room + 16384 + 100, SHM_RND) == room + 16384);
    ok(munmap(room, 4096));
    stat_("half of one unmapped", id);
    ok(shmdt(room));
    stat_("the rest of it detached", id);

    ok(shmctl(id, IPC_RMID, 0));
    struct shmid_ds d;
    must(shmctl(id, IPC_STAT, &d));
    say("removed: mode %o, key 0 %d, nattch %ld\n", d.shm_perm.mode, d.shm_perm.__key == 0, (long)d.shm_nattch);
    t(shmget(key, 1, 0));
    v(shmat(id, 0, 0) != (void *)-1);
    show("still there", a, 6);
    reap(spawn({ execl("/bin/true", "true", NULL); }), "exec");
    stat_("exec has detached", id);
    ok(shmdt(a));
    ok(shmdt(room + 16384));
    stat_("one left", id);

    int other = must(shmget(IPC_PRIVATE, 4096, 0600));
    reap(spawn({
        must(setgid(33));
        must(setuid(33));
        v((long)shmat(other, 0, 0)), say("%s\n", ename(errno));
        t(shmctl(other, IPC_STAT, &d));
        t(shmctl(other, IPC_RMID, 0));
        t(shmctl(other, SHM_LOCK, 0));
    }), "another user");
    d.shm_perm.mode = 0644;
    d.shm_perm.uid = 33;
    d.shm_perm.gid = 33;
    ok(shmctl(other, IPC_SET, &d));
    stat_("given away", other);
    reap(spawn({
        must(setgid(33));
        must(setuid(33));
        v(shmat(other, 0, SHM_RDONLY) != (void *)-1);
        v(shmat(other, 0, 0) != (void *)-1);
        ok(shmctl(other, IPC_RMID, 0));
    }), "its owner");
    t(shmctl(other, IPC_STAT, &d));
    t(shmctl(other, 99, &d));
    t(shmctl(-1, IPC_STAT, &d));
    struct shminfo si;
    v(shmctl(0, IPC_INFO, (void *)&si) >= 0);
    say("shmmni %lu shmmin %lu shmmax %lx\n", si.shmmni, si.shmmin, si.shmmax);
    return 0;
}
