/* sh(1), execve(2), wait(2): what a shell leans on: pipelines, exit statuses, redirections, here-documents, subshells, traps, background jobs, command
 * substitution, read loops, globbing, signals to itself. */
#include "../guest.h"

static void sh(const char *script)
{
    say("$ %s\n", script);
    pid_t p = spawn({
        dup2(1, 2);
        char *ev[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", 0 };
        execle("/bin/sh", "sh", "-c", script, "arg0", "first", "second word", NULL, ev);
        say("%s\n", ename(errno));
    });
    int st;
    waitpid(p, &st, 0);
    say_status("=>", st);
}

int main(void)
{
    fresh();
    xmkdtemp();
    sh("echo hello; echo $0 $1 \"$2\" $#");
    sh("true && echo yes || echo no; false && echo yes || echo no");
    sh("exit 7");
    sh("(exit 3); echo $?; sh -c 'exit 4'; echo $?");
    sh("printf 'b\\na\\nc\\n' | sort | tr a-z A-Z | sed 's/^/-/'");
    sh("false | true; echo $?; true | (exit 5); echo $?");
    sh("cat <<END\nline $((6 * 7))\n$(echo nested $(echo deep))\nEND");
    sh("echo one >f; echo two >>f; cat f; wc -l <f | tr -d ' '; cat <f >g; cmp f g && echo same");
    sh("{ echo out; echo err >&2; } 2>e >o; cat e o; exec 3>three; echo to three >&3; exec 3>&-; cat three");
    sh("echo x >/none/such/dir; echo status $?");
    sh("none-such-program; echo status $?; ./f; echo status $?");
    sh("i=0; while [ $i -lt 5 ]; do i=$((i + 1)); [ $i = 3 ] && continue; echo $i; done | { while read l; do echo \"got $l\"; done; }");
    sh("sleep 0.05 & wait $!; echo waited $?; (exit 9) & wait $!; echo $?");
    /* dash says "Terminated" only if the end is news to `wait`: it may have seen to the child behind `kill`, if that was quick to die. */
    sh("sleep 5 & kill $!; wait $! 2>/dev/null; echo $?");
    sh("trap 'echo trapped' TERM; kill -TERM $$; echo after");
    sh("trap 'echo bye; exit 6' EXIT; echo main");
    sh("trap '' INT; kill -INT $$; echo ignored; trap - INT; kill -INT $$; echo never");
    sh("kill -KILL $$");
    sh("sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$'; echo $?");
    sh("umask 077; touch private; ls -l private | cut -c1-10; umask");
    sh("mkdir -p a/b/c && cd a/b && touch x1 x2 .hid && echo * && cd - >/dev/null && find a | sort && rm -r a && ls -d a");
    sh("ln -s f l; readlink l; [ -L l ] && [ -f l ] && [ ! -d l ] && echo link; test -e none || echo none");
    sh("echo $(for i in 1 2 3; do echo $i; done); set -- $(echo a b c); echo $# $3; IFS=:; v=x:y:z; for p in $v; do echo \"<$p>\"; done");
    sh("mkfifo p; echo through the fifo >p & cat p; wait");
    sh("yes | head -3; yes | head -1000 | wc -l | tr -d ' '");
    sh("seq 1 2000 | awk '{ s += $1 } END { print s }'; seq 5 | tail -2; seq 3 | tac");
    sh("echo data | tee t1 t2 >/dev/null; cat t1 t2; dd if=/dev/zero bs=1k count=3 2>/dev/null | wc -c | tr -d ' '");
    sh("env -i A=1 sh -c 'echo $A; export B=2; sh -c \"echo \\$A \\$B\"; unset A; echo \"[$A]\"'");
    sh("x=$(printf 'abc\\n\\n\\n'); echo \"[$x]\"; echo \"${x#a}\" \"${x%c}\" \"${#x}\" \"${none:-default}\"");
    sh("case abc in a*) echo starts;; esac; f() { return 3; }; f; echo $?; eval 'echo evaluated'");
    sh("ulimit -n 20; ulimit -n; exec 9</dev/null; cat <&9; echo $?");
    sh("time_out() { sleep 5 & p=$!; kill $p; wait $p 2>/dev/null; echo $?; }; time_out; [ -z \"$(jobs)\" ] && echo no jobs");
    sh("set -e; false; echo never");
    sh("(cd /proc && pwd); [ \"$(pwd)\" != /proc ] && echo back");
    return 0;
}
