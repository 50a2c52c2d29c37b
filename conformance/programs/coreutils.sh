# All of coreutils, used normally.

#@ files quick
mkdir -p a/b/c; echo one > a/1; echo two > a/b/2; cp a/1 a/3; cp -r a z; cp -a a y; mv a/3 a/4; ln a/1 a/hard; ln -s ../1 a/b/sym
ls -R a; ls a/b; stat -c '%n %a %h %s %F %U' a/1 a/b a/b/sym; chmod 640 a/1; chmod u+x,o=r a/4; stat -c %A a/1 a/4
chown 12:34 a/4; stat -c %u:%g a/4; chgrp 5 a/4; ls -ln a/4 | cut -c1-24; touch -d '2020-01-02 03:04:05' a/1; stat -c %y a/1; ls -l --time-style=full-iso a/1
readlink a/b/sym; readlink -f a/b/sym; realpath a/b/../1; realpath --relative-to=a z/b; basename /x/y.c .c; dirname /x/y.c
rm a/hard; rm a; echo $?; rm -r a; ls; rmdir z; echo $?; rmdir -p q/w 2>&1; mkdir -m 700 m; stat -c %a m; unlink y/1; link y/4 y/5; ls y
mkdir m; echo $?; mv nosuch x; echo $?; cp nosuch x; echo $?; ln -s loop loop; cat loop; echo $?; cp -l y/4 y/6; stat -c %h y/6; cp -s "$PWD/y/4" sl; readlink sl
install -D -m 750 y/4 deep/er/file; stat -c %a deep/er/file; mkfifo fifo; stat -c %F fifo; (echo through > fifo &) ; cat fifo; mknod p p; stat -c %F p
mknod null2 c 1 3; stat -c '%F %t:%T' null2; echo gone > null2; mktemp -d tmp.XXXX; mktemp -u | tr 0-9a-zA-Z x; truncate -s 10M big; stat -c '%s %b' big; du -k big; shred -n1 -u y/4; ls y; touch -r sl ref; test -e ref; echo $?
chmod 000 ref; cat ref; touch n1; sleep 0.02; touch n2; [ n2 -nt n1 ]; echo $?; [ -p fifo ] && [ -d y ] && [ -L sl ] && [ -c null2 ] && echo types; ls -d */ ; ls -F; ls -A1 | wc -l; dir; vdir y | wc -l; mv -v n1 n3; cp -v n3 n4; rm -v n4; mkdir -v k; cp -n n2 n3; mv -b n2 n3; ls n*

#@ text quick
seq 20 > s; head -3 s; tail -2 s; head -c 5 s; echo; tail -c 4 s; head -n -18 s; tail -n +19 s; tac s | head -2; wc s; wc -l < s; nl s | tail -1; cat -n s | head -2; cat -A <<< $'a\tb'
sort -rn s | head -2; printf '3 c\n1 a\n2 b\n1 a\n' > t; sort -u t; sort -k2r t; uniq -c t; sort t | uniq -d; cut -d' ' -f2 t; cut -c1 t; paste -sd+ s; paste -d, t t
printf '1 x\n2 y\n' > j1; printf '1 p\n2 q\n3 r\n' > j2; join j1 j2; join -v2 j1 j2; comm <(sort t) <(printf '1 a\n9 z\n'); tr a-z A-Z < t; tr -d ' ' < t; tr -s 1 < t; tr -c 'a-z\n' _ < t
split -l 6 s part.; ls part.*; cat part.* | cmp - s && echo joined; split -b 10 -d s num; ls num* | tr '\n' ' '; split -n 3 s ch; wc -c cha* chb*; csplit -s s 5 10; wc -l xx*; fold -w 10 <<< 'the quick brown fox jumps'; fmt -w 15 <<< 'the quick brown fox jumps over'; pr -h T -l 20 -D d s | head -12
od -c <<< abc; od -An -tx1 -N8 s; base64 <<< hello; base64 -d <<< aGVsbG8K; base32 <<< hi; basenc --base16 <<< hi; md5sum s; sha1sum s; sha224sum s; sha256sum s; sha384sum s; sha512sum s; b2sum s; cksum s; sum s; md5sum s > sums; md5sum -c sums
expand <<< $'a\tb'; unexpand -a <<< 'a       b'; tsort <<< 'a b b c'; shuf --random-source=<(yes) -n 3 s; shuf -i 1-5 --random-source=<(yes 1) | tr '\n' ' '; ptx <<< 'hello world' | head -2; seq -w 8 10; seq -s, 1 0.5 3; seq 5 -2 1; numfmt --to=iec 1048576; numfmt --from=si 1K; factor 1234567890 97; expr 3 \* 4; expr abc : 'a\(.\)'; printf '%s-%d\n' a 1 b 2; echo -e 'x\ty'; rev <<< abc; column -t t; look xx s; tee t1 t2 <<< teed; cmp t1 t2; echo $?; cmp s t; diff s <(seq 2 21)

#@ misc
env -i A=1 env; env -u HOME printenv HOME; echo $?; printenv LC_ALL; id; id -u; id -un; whoami; groups; logname; echo $?; uname -s -m; uname -n; uname -o; hostname; nproc; arch; pwd; tty; echo $?; stty -a; echo $?; true; false; echo $?; test 1 -lt 2; echo $?; [ a = b ]; echo $?
date -u -d @1000000000; date -u -d '2024-02-29 +1 year' +%F; date -u -d 'next monday' +%a; timeout 0.2 sleep 5; echo $?; timeout -s KILL 0.2 sleep 5; echo $?; timeout 5 true; echo $?; nice -n 5 nice; nice; nohup echo nohup; stdbuf -oL echo buf; sleep 0.01; kill -l 9; kill -l TERM; kill -0 $$; echo $?; pathchk -p 'bad:name'; echo $?; pathchk ok; yes | head -2; chroot / /bin/echo rooted; chroot /nosuch true; echo $?; sync; echo $?; dd if=/dev/zero of=z bs=1k count=100 status=none; stat -c %s z; dd if=z bs=1000 skip=100 count=3 status=none | wc -c; dd if=/dev/zero of=z bs=1 seek=5 count=1 conv=notrunc status=none; stat -c %s z; echo abc | dd conv=ucase,swab status=none; dd if=/dev/zero bs=1M count=3 2>&1 >/dev/null | head -2
df . | tail -1 | awk '{print $6}'; df -T /tmp | tail -1 | awk '{print $2}'; du -s --apparent-size z | cut -f1; dircolors -b | head -c 9; echo; users; who; pinky nobody >/dev/null; hostid | tr 0-9a-f X; stat -f -c '%T %l %s' .; runcon 2>&1 | head -1; sleep 0; sleep inf & kill $!; wait $!; echo $?; timeout --foreground 0.1 sleep 1; echo $?; uptime >/dev/null; echo $?; env -S 'echo split args'; cat /etc/hostname >/dev/null; mkfifo f; timeout 0.2 cat f; echo $?; tail -f --pid=1 z & sleep 0.1; kill $!; touch g; (tail -f g & p=$!; sleep 0.5; echo line >> g; sleep 1.5; kill $p); timeout 1 tail -F nosuch

#@ ls-proc-fd
ls -la /proc/self/fd | awk '{print $1, $3, $4, NF}' | tail -n +2; ls -l /proc/self/fd/0 | sed 's/.*-> //'; exec 5<f 6>g; exec 6>g; ls /proc/$$/fd; readlink /proc/$$/fd/6; readlink /proc/self/exe /proc/$$/cwd /proc/$$/root; cat /proc/self/comm; tr '\0' ' ' < /proc/self/cmdline; echo; wc -w < /proc/self/stat; grep -c . /proc/self/status; grep -E '^(Name|State|Uid|Gid|Threads|SigIgn|Seccomp):' /proc/self/status; head -c 20 /proc/self/maps >/dev/null; grep -c '\[stack\]' /proc/self/maps; ls /proc/self/task | wc -l; cat /proc/self/oom_score_adj; stat -c %F /proc/self/ns/pid; cat /proc/sys/kernel/ostype /proc/filesystems | grep -c Linux; awk '{print NF}' /proc/loadavg /proc/uptime; head -1 /proc/meminfo | awk '{print $1, $3}'; grep -c ^processor /proc/cpuinfo; awk '{print $2}' /proc/mounts | grep -x /proc | sort -u

#@ ps-aux needs=ps quick
ps aux | head -1 | tr -s ' '; ps aux | awk 'NR>1{print NF>=11}' | sort -u; sleep 3 & ps -o pid=,ppid=,comm=,args= -p $! | awk '{print $3, $4, $5}'; ps -o stat=,ni=,user= -p $!; ps -eo comm | grep -c sleep; ps --ppid $$ -o comm= | sort; kill $!; pgrep -x bash | grep -cx $$; pidof sleep >/dev/null; free | head -1; uptime | grep -c load; vmstat | head -1 | tr -d ' '; top -bn1 | grep -c Tasks; pkill -x nosuch; echo $?; w -h; pwdx $$ | sed 's/.*: //'; sysctl -n kernel.ostype; ps -ef | head -1 | tr -s ' '; ps -T -p $$ | wc -l; ps axo stat | head -1

#@ find-usr timeout=120
find /usr -type f | wc -l
find /usr -type d -name 'l*' | sort | md5sum; find /usr/bin -type l -printf '%f %l\n' | sort | md5sum; find /etc -maxdepth 2 -newer /etc/passwd | wc -l; find /usr/share -size +1000k -printf '%s %p\n' 2>/dev/null | sort | md5sum; find /usr/lib -name '*.so*' -perm -u+x 2>/dev/null | wc -l; find . -delete; find /etc -type f -exec cat {} + 2>/dev/null | md5sum

#@ tar-include timeout=120 needs=tar
tar c /usr/include 2>/dev/null | tar t | wc -l
tar cf t.tar -C /usr include && tar xf t.tar && diff -r /usr/include include && echo identical; tar czf t.tgz include; tar tzf t.tgz | wc -l; tar --diff -f t.tar; echo $?; du -s --apparent-size include >/dev/null; ls include | head -3

#@ large-directory
mkdir d; cd d; for i in $(seq 3000); do : > f$i; done; ls | wc -l; ls | sort -V | tail -1; rm f1*; ls | wc -l; find . -type f | wc -l; cd ..; rm -r d; ls
