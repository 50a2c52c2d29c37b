#!/bin/bash
# apps.sh REPEAT [NAME...]: real programs, each some times over in the same system; one line "name<TAB>median<TAB>ms" each.
# REPEAT is the program made from repeat.c. Programs that are not there are left out.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
repeat=$1
shift
wanted=" $* "
work=$(mktemp -d /dev/shm/apps.XXXXXX)
cd "$work" || exit 1
trap 'cd /; rm -rf "$work"' EXIT

# app NAME TIMES PROGRAM ARGS...
app() {
  [[ $wanted == '  ' || $wanted == *" $1 "* ]] || return 0
  command -v "$3" >/dev/null || return 0
  timeout 120 "$repeat" "$2" "$1" "${@:3}"
}

printf '#include <stdio.h>\nint main(void) { puts("hello"); }\n' >hello.c
{
  echo 'create table t(a integer primary key, b text, c real);'
  for ((i = 0; i < 500; i++)); do echo "insert into t(b, c) values('row $i', $i.5);"; done
} >transactions.sql

app true-dynamic 9 /bin/true
app find-usr 3 /bin/sh -c 'find /usr -type f | wc -l'
app tar-include 3 /bin/sh -c 'tar c /usr/include | wc -c'
app gcc-hello 5 gcc -O2 hello.c -o hello
app python-imports 5 python3 -c 'import json,re,collections,asyncio,email,http.client'
app node-e-0 5 node -e 0
app sqlite-500-txn 3 sh -c 'rm -f t.db; sqlite3 t.db <transactions.sql'
app sh-500-forks 3 busybox sh -c 'i=0; while [ $i -lt 500 ]; do /bin/busybox true; i=$((i+1)); done'
app bash-200-pipes 3 bash -c 'for ((i = 0; i < 200; i++)); do x=$(echo $i | cat); done'
app sort-200000 3 sh -c 'seq 200000 | sort -R | sort -n | tail -1'
app git-status 3 sh -c 'git init -q r && cd r && cp -r /usr/include/linux . && git add . && git -c user.name=a -c user.email=a@b commit -qm m && git status --short && cd .. && rm -rf r'
