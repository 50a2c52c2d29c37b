/* socket(7): filters on sockets of all kinds, what a sound one is, and what is seen of it (SO_ATTACH_FILTER, SO_GET_FILTER, SO_LOCK_FILTER). */
#include "../guest.h"
#include "inet.h"
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/un.h>

static long attach(int s, const struct sock_filter *code, int n)
{
    struct sock_fprog p = { n, (struct sock_filter *)code };
    return setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
}

#define ATTACH(s, ...) ({ struct sock_filter code[] = { __VA_ARGS__ }; attach(s, code, COUNT(code)); })
#define SOUND(...) do { \
    long r_ = ATTACH(s, __VA_ARGS__); \
    say("  %s: %s\n", #__VA_ARGS__, ename(r_ < 0 ? errno : 0)); \
} while (0)

static void sound(void)
{
    int s = must(socket(AF_INET, SOCK_DGRAM, 0));
    say("-- sound or not\n");
    SOUND(BPF_STMT(BPF_RET | BPF_K, 1));
    SOUND(BPF_STMT(BPF_RET | BPF_A, 1));
    SOUND(BPF_STMT(BPF_RET | BPF_X, 1));
    SOUND(BPF_STMT(BPF_LD | BPF_IMM, 1));
    SOUND(BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_ST, 16), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_ST, 0), BPF_STMT(BPF_LD | BPF_MEM, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    SOUND(BPF_JUMP(BPF_JMP | BPF_JA | BPF_X, 0, 0, 0), BPF_STMT(BPF_RET | BPF_K, 0));
    SOUND(BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LDX | BPF_W | BPF_ABS, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LD | BPF_MSH | BPF_B, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LDX | BPF_MSH | BPF_B, 0), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + 2), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_MAX), BPF_STMT(BPF_RET | BPF_A, 0));
    SOUND(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_LL_OFF), BPF_STMT(BPF_RET | BPF_A, 0));
    close(s);
}

static void udp(void)
{
    char b[64];
    int u[2];
    say("-- udp\n");
    udp_pair(u);
    struct sock_filter *none = 0;
    socklen_t n = 0;
    t(getsockopt(u[1], SOL_SOCKET, SO_GET_FILTER, none, &n));
    v(n);
    t(setsockopt(u[1], SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
    /* Of what has 'a' behind the header of UDP all, of what has 'b' ten bytes, of 'c' two. */
    t(ATTACH(u[1], BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'a', 2, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'b', 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'c', 2, 3), BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 10), BPF_STMT(BPF_RET | BPF_K, 2),
        BPF_STMT(BPF_RET | BPF_K, 0)));
    const char *said[] = { "all of it", "but two", "c nothing", "dropped", "again" };
    for (int i = 0; i < COUNT(said); i++) {
        t(send(u[0], said[i], strlen(said[i]), 0));
        ssize_t r = recv(u[1], b, sizeof b, MSG_DONTWAIT);
        say("  read: %s %.*s\n", r < 0 ? ename(errno) : "", (int)(r < 0 ? 0 : r), b);
    }
    struct sock_filter back[16];
    n = 3;
    t(getsockopt(u[1], SOL_SOCKET, SO_GET_FILTER, back, &n));
    n = 16;
    t(getsockopt(u[1], SOL_SOCKET, SO_GET_FILTER, back, &n));
    say("  %u instructions, the first %x %u, the last %x %u\n", n, back[0].code, back[0].k, back[7].code, back[7].k);
    /* A shift by a register is one modulo 32; a division by zero ends the program. */
    t(ATTACH(u[1], BPF_STMT(BPF_LDX | BPF_IMM, 33), BPF_STMT(BPF_LD | BPF_IMM, 8), BPF_STMT(BPF_ALU | BPF_LSH | BPF_X, 0), BPF_STMT(BPF_RET | BPF_A, 0)));
    t(send(u[0], "sixteen bytes in", 16, 0));
    v(recv(u[1], b, sizeof b, MSG_DONTWAIT));
    t(ATTACH(u[1], BPF_STMT(BPF_LD | BPF_IMM, 8), BPF_STMT(BPF_ALU | BPF_MOD | BPF_X, 0), BPF_STMT(BPF_RET | BPF_K, 99)));
    t(send(u[0], "x", 1, 0));
    t(recv(u[1], b, sizeof b, MSG_DONTWAIT));
    /* The protocol in the IP header, and the length of all. */
    t(ATTACH(u[1], BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1), BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
        BPF_STMT(BPF_RET | BPF_A, 0)));
    t(send(u[0], "whole", 5, 0));
    v(recv(u[1], b, sizeof b, MSG_DONTWAIT));
    t(set(u[1], SOL_SOCKET, SO_LOCK_FILTER, 1));
    t(set(u[1], SOL_SOCKET, SO_LOCK_FILTER, 0));
    t(setsockopt(u[1], SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
    t(ATTACH(u[1], BPF_STMT(BPF_RET | BPF_K, 1)));
    close(u[0]);
    close(u[1]);
}

static void others(void)
{
    char b[128];
    say("-- unix\n");
    int p[2];
    must(socketpair(AF_UNIX, SOCK_DGRAM, 0, p));
    t(ATTACH(p[1], BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'k', 0, 1), BPF_STMT(BPF_RET | BPF_K, 3), BPF_STMT(BPF_RET | BPF_K, 0)));
    t(send(p[0], "kept", 4, 0));
    t(send(p[0], "not", 3, 0));
    t(send(p[0], "kk", 2, 0));
    v(recv(p[1], b, sizeof b, MSG_DONTWAIT));
    v(recv(p[1], b, sizeof b, MSG_DONTWAIT));
    t(recv(p[1], b, sizeof b, MSG_DONTWAIT));
    say("-- tcp\n");
    int l = server_at("127.0.0.1");
    /* Segments that bring 'n' first are as if lost; SYNs, which bring nothing, pass. */
    t(ATTACH(l, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4), BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 4), BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 0, 2), BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'n', 1, 0), BPF_STMT(BPF_RET | BPF_K, 0x40000), BPF_STMT(BPF_RET | BPF_K, 0)));
    int c = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect4(c, "127.0.0.1", port_of(l)));
    int a = must(accept(l, 0, 0));
    t(send(c, "yes", 3, 0));
    v(await(a, POLLIN));
    v(recv(a, b, sizeof b, MSG_DONTWAIT));
    t(send(c, "no", 2, 0));
    nap(50);
    t(recv(a, b, sizeof b, MSG_DONTWAIT));
    t(setsockopt(a, SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
    v(await(a, POLLIN));
    v(recv(a, b, sizeof b, MSG_DONTWAIT));
    say("-- netlink\n");
    int k = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    t(ATTACH(k, BPF_STMT(BPF_RET | BPF_K, 0)));
    t(setsockopt(k, SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
    t(setsockopt(k, SOL_SOCKET, SO_DETACH_FILTER, 0, 4));
}

int main(void)
{
    fresh();
    sound();
    udp();
    others();
}
