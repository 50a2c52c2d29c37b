# Shells: bash and busybox sh.

#@ pipelines quick
seq 1 1000 | grep 7 | sort -rn | head -5 | tr '\n' ' '; echo
printf '%s\n' a b c | while read -r x; do echo "[$x]"; done | tac
false | true; echo "${PIPESTATUS[@]} $?"
set -o pipefail; false | true; echo $?; set +o pipefail
yes | head -3; echo "${PIPESTATUS[@]}"
for i in 1 2 3; do echo $i; done | { read a; read b; echo "$a-$b"; }
(exit 3) | (exit 4) | (exit 5); echo "${PIPESTATUS[*]}"
! true; echo $?
echo x |& cat
cat < <(seq 1 300000) | tail -1
seq 1 100000 | cat | cat | cat | cat | cat | md5sum

#@ heredocs
x=value
cat <<A
plain $x $(echo sub) $((1+2))
A
cat <<'B'
quoted $x $(echo sub)
B
cat <<-C
	tabs	stripped
	C
cat <<<"here string $x"
cat <<A; cat <<B
first
A
second
B
i=0; while [ $i -lt 2000 ]; do echo "line $i of a long document"; i=$((i+1)); done > long
bash -c "cat <<E | md5sum
$(cat long)
E"

#@ process-substitution quick
diff <(printf '1\n2\n3\n') <(printf '1\n3\n4\n'); echo $?
cat <(echo one) <(echo two)
tee >(tr a-z A-Z > up) >(rev > back) <<< hello > plain; sleep 0.3; cat up back plain
paste <(seq 3) <(seq 4 6) <(seq 7 9)
comm -12 <(seq 1 10) <(seq 5 15) | tr '\n' ' '; echo
read -r a b < <(echo p q); echo "$b $a"
exec 7< <(echo from fd); cat <&7; exec 7<&-

#@ traps quick
trap 'echo exit trap $?' EXIT
trap 'echo usr1' USR1
trap 'echo usr2; kill -USR1 $$' USR2
trap '' TERM
kill -USR1 $$
kill -USR2 $$
kill -TERM $$; echo survived
(trap 'echo sub exit' EXIT; exit 3); echo $?
trap 'echo err $?' ERR
false
trap - ERR
trap -p USR1 TERM
bash -c 'trap "echo int; exit 9" INT; kill -INT $$; echo no'; echo $?
bash -c 'kill -TERM $$'; echo $?
bash -c 'trap - TERM; kill -TERM $$'; echo $?
bash -c 'kill -KILL $$' 2>&1; echo $?
bash -c 'trap "echo hup" HUP; (sleep 0.2; kill -HUP $$) & sleep 5 & wait $!; echo woke $?; kill -9 $!'
trap 'echo dbg' DEBUG; :; trap - DEBUG
exit 7

#@ background
sleep 0.1 & p=$!
wait $p; echo $?
(exit 5) & wait $!; echo $?
for i in 1 2 3; do (sleep 0.$i; echo $i) & done; wait; echo all
sleep 10 & kill $!; wait $!; echo $?
sleep 10 & kill -9 $!; wait $!; echo $?
(sleep 0.3; exit 1) & (sleep 0.1; exit 2) & wait -n; echo $?; wait -n; echo $?; wait -n; echo $?
wait 99999; echo $?
{ sleep 0.1; echo bg; } & echo fg; wait
set -m; sleep 5 & jobs | sed 's/[0-9]\{2,\}/PID/'; kill %1; wait 2>/dev/null; echo $?
coproc C { while read -r l; do echo "got $l"; done; }
echo hello >&"${C[1]}"; read -r r <&"${C[0]}"; echo "$r"
eval "exec ${C[1]}>&-"; wait $C_PID; echo $?

#@ arithmetic
echo $((7/2)) $((-7/2)) $((-7%3)) $((2**62)) $((1<<40)) $((0x1f)) $((010)) $((36#zz)) $((1?2:3)) $((5&3|8^1))
echo $((9223372036854775807+1))
a=5; ((a++, a*=2)); echo $a; let 'b=a%5' ; echo $b
for ((i=0;i<5;i++)); do printf '%d ' $((i*i)); done; echo
echo $((1/0)); echo $?
printf '%x %o %e %5.2f %c %q %b\n' 255 8 1234.5 3.14159 xyz 'a b' 'a\tb'
bash -c 'fib() { (( $1 < 2 )) && echo $1 || echo $(( $(fib $(($1-1))) + $(fib $(($1-2))) )); }; fib 7'

#@ arrays
a=(x 'y z' w); echo ${#a[@]} "${a[1]}" "${a[@]:1}"; a+=(v); echo "${!a[@]}"; unset 'a[1]'; echo "${!a[@]}"
declare -A m=([one]=1 [two]=2); m[three]=3; for k in $(printf '%s\n' "${!m[@]}" | sort); do echo $k=${m[$k]}; done
mapfile -t l < <(seq 5); echo "${l[@]/#/n}"; echo "${l[*]: -2}"
s=hello.tar.gz; echo ${s%.*} ${s%%.*} ${s#*.} ${s##*.} ${s/l/L} ${s//l/L} ${s^} ${s^^} ${#s} ${s:1:3} ${u:-def} ${u:=set} $u
IFS=: read -ra p <<< 'a:b:c'; declare -p p
f() { local -n r=$1; r=(9 8); }; f q; echo "${q[@]}"
printf -v out '%03d' 7; echo $out
set -- a b c; shift; echo $# $* ; echo "${@:2}" ; getopts ab: o -a; echo $o
[[ foo123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[@]}"
case abc in a*) echo star;;& *c) echo end;; esac
select x in one two; do echo $x; break; done <<< 2

#@ globbing quick
mkdir -p d/e/f g; touch a1 a2 b1 .hid d/x.c d/e/y.c d/e/f/z.c 'sp ace' '[br]'
echo *; echo .*; echo a?; echo [ab]1; echo [!a]*; echo {x,y}{1..3}; echo {a..e..2} {05..08}
shopt -s globstar nullglob dotglob extglob
echo **/*.c; echo none*; echo *; echo !(a*|d); echo @(a1|b1) +([a-z])[0-9]
echo ~root; cd d && echo $OLDPWD $PWD && cd - ; pushd g; dirs; popd

#@ redirections
exec 3>f3 4<>f4; echo three >&3; echo four >&4; exec 3>&- 4>&-; cat f3 f4
{ echo out; echo err >&2; } >o 2>e; cat o e; { echo a; echo b >&2; } &>both; cat both
echo more >>o; cat o; set -C; echo no >o; echo $?; echo yes >|o; cat o; set +C
cat nonexist; echo $?; echo x > /nonexist/y; echo $?; : > d1; echo hi 2>&1 >d1 | cat; cat d1
exec {fd}>dyn; echo $fd; echo z >&$fd; exec {fd}>&-; cat dyn; cat </dev/null; echo to >/dev/stdout; echo full >/dev/full
echo $?; ls /proc/self/fd | tr '\n' ' '; echo; read -t 0.1 x < <(sleep 1); echo $?; ./d1; echo $?; nosuch; echo $?

#@ busybox-sh shell=busybox+sh quick
echo $((6*7)); x=$(echo a | tr a b); echo $x
for i in 1 2 3; do echo $i; done | busybox tac
cat <<E
doc $x
E
trap 'echo bye' EXIT; f() { local y=1; echo $y $#; return 3; }; f a b; echo $?
(sleep 0.1; echo bg) & wait; sleep 5 & kill $!; wait $! 2>/dev/null; echo $?
mkdir d; touch d/a d/b; ls d; find d -type f | sort | xargs -n1 echo; busybox wc -c < d/a
seq 10 | sed -n '3,5p' | awk '{s+=$1} END{print s}'; busybox sha256sum /dev/null; busybox tar c d | busybox tar t | sort
echo hello | busybox gzip | busybox zcat; busybox stat -c '%a %F' d; busybox date -u -d @0 +%F; busybox printf '%05d\n' 42
busybox ps -o comm | grep -c sleep; kill -TERM $$; echo no

#@ interactive needs=script
# The prompt and what is typed are echoed by the terminal: a session with job control.
{ sleep 1; for l in 'echo hello' 'sleep 100' ; do echo "$l"; sleep 0.5; done; printf '\032'; sleep 0.7
  echo 'jobs | cut -c1-3,20-'; sleep 0.5; echo 'bg >/dev/null 2>&1'; sleep 0.3; echo 'kill %1; sleep 0.3'; sleep 0.9; echo 'wait'; sleep 0.5
  echo 'sleep 50'; sleep 0.5; printf '\003'; sleep 0.5; echo 'echo st $?'; sleep 0.3; echo 'cat'; sleep 0.3; echo typed; sleep 0.3
  printf '\004'; sleep 0.3; echo 'stty size; tty | sed s/[0-9]*$/N/; ps -o stat= -p $$'; sleep 0.7; echo 'exit 3'; sleep 0.5; } |
 PS1='$ ' INPUTRC=/dev/null script -qec 'bash --norc --noprofile --noediting -i' /dev/null | tr -d '\r' | sed 's/  *[0-9]\{2,\} / P /'
echo "${PIPESTATUS[1]}"

#@ recursion timeout=60
# Many short processes.
n=0; for i in $(seq 200); do x=$(/bin/echo $i); n=$((n+x)); done; echo $n
seq 100 | xargs -n1 -P4 sh -c 'echo $((($0)*2))' | sort -n | md5sum
