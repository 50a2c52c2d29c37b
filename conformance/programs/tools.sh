# Everyday tools.

#@ git needs=git quick
export GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_PAGER=cat
git config --global user.name T; git config --global user.email t@example.org; git config --global init.defaultBranch main
git init repo; cd repo; echo one > a; mkdir d; echo two > d/b; git add .; git commit -m first; git status; git log
git checkout -b side; echo side >> a; git commit -qam side; git checkout -q main; echo main > c; git add c; git commit -qm main2; git merge -q side -m merged; git log --oneline --graph; git show --stat HEAD~1
echo conflict1 > a; git commit -qam c1; git checkout -q side; echo conflict2 > a; git commit -qam c2; git merge main; git status -s; cat a; git merge --abort; git diff main side; git stash list; echo dirty >> a; git stash; git stash pop; git checkout -q -- a
cd ..; git clone -q repo copy; cd copy; git log --oneline -3; git branch -a; echo x > n; git add n; git commit -qm n; git push -q origin side:pushed; git -C ../repo branch; git tag v1; git describe; git gc -q; git fsck; git count-objects -v | grep -v size; git archive HEAD | tar t; git blame a; git rebase -q origin/main; echo $?; git rebase --abort; git bisect start -q; git grep -n main; git rev-parse HEAD; git bundle create -q b HEAD; git clone -q b fromb; ls fromb; git worktree add -q ../wt main 2>&1; ls ..

#@ git-many needs=git timeout=60
git config --global user.name T; git config --global user.email t@example.org; git init -q r; cd r; for i in $(seq 300); do mkdir -p d$((i%10)); echo "file $i" > d$((i%10))/f$i; done; git add -A; git commit -qm all; git ls-files | wc -l; git repack -adq; git fsck; for i in $(seq 10); do echo $i >> d1/f1; git commit -qam c$i; done; git rev-list --count HEAD; git gc -q --aggressive; git status --porcelain; git clone -q . ../r2; diff -r d1 ../r2/d1 && echo same

#@ sqlite3 needs=sqlite3 quick
sqlite3 t.db <<'E'
create table t(id integer primary key, name text unique, n real);
begin; insert into t(name,n) values('a',1.5),('b',2.5); commit;
begin; insert into t(name,n) values('c',3); rollback;
select * from t; insert into t(name) values('a');
with recursive c(x) as (select 1 union all select x+1 from c where x<10000) insert into t(name,n) select 'r'||x,x*1.0 from c;
select count(*),sum(n) from t; create index i on t(n); explain query plan select * from t where n=5; pragma integrity_check; pragma journal_mode=wal; update t set n=n+1 where id%2; select sum(n) from t; vacuum; pragma page_count;
.mode csv
select * from t limit 3;
.dump t_none
E
echo $?; sqlite3 t.db '.tables'; ls; (sqlite3 t.db 'begin immediate; select 1; ' '.shell sleep 0.4' 'commit' & sleep 0.1; sqlite3 -cmd '.timeout 3000' t.db 'insert into t(name) values("zz"); select changes()'; wait); echo 'select 1+1;' | sqlite3 :memory:

#@ archives needs=xz,zstd,bzip2
seq 200000 > s; for z in gzip bzip2 xz zstd; do $z -kq s; done; ls s.* ; for z in "gzip -dc s.gz" "bzip2 -dc s.bz2" "xz -dc s.xz" "zstd -dcq s.zst"; do $z | md5sum; done; xz -T2 -c s | xz -dc | cmp - s && echo xz-threads; zstd -T2 -qc s | zstd -dqc | cmp - s && echo zstd-threads; gzip -t s.gz; echo $?; zcat s.gz | tail -1; xzcat s.xz | head -1; gzip -l s.gz | tail -1; head -c 1000 s.gz > bad.gz; gzip -t bad.gz; echo $?
mkdir t; cp s t; ln -s s t/l; ln t/s t/h; mkfifo t/p; for o in z j J; do tar c${o}f a --sort=name t; tar t${o}vf a | awk '{print $1, $2, $6, $7, $8}'; done; tar xf a -C /tmp && ls -i /tmp/t | awk '{print $2}'; tar cf - t | (mkdir x; cd x; tar xf -); diff -r --no-dereference t/s x/t/s && echo ok; tar --sparse -cf sp s; tar --delete -f sp s; tar tf sp

#@ text-tools needs=awk,sed,grep,diff quick
awk -F: '$3<5{print $1,$3}' /etc/passwd; awk 'BEGIN{for(i=0;i<5;i++)a[i]=i*i; for(i=0;i<5;i++)printf "%d ",a[i]; print ""; "echo cmd"|getline x; print x; print substr("hello",2,3), index("abc","c"), toupper("x"), length("four"); system("echo sys"); print "to sort"|"sort"; close("sort"); exit 3}'; echo $?
seq 10 | sed -n '2,4p;8{s/8/eight/;p}'; sed -e 's/\(.*\)o/\1 0/' -e 'y/abc/xyz/' <<< 'foo abc'; seq 3 > f; sed -i.bak 's/2/two/;$a end' f; cat f f.bak; sed '1!G;h;$!d' f; grep -rn two .; grep -c . f; grep -v two f; grep -oE '[a-z]+' f; grep -q zz f; echo $?; grep -P '^\d$' f; grep -l two f f.bak; egrep 'end|1' f; printf 'a\0b' | grep -c a; fgrep -x 1 f
diff f f.bak; diff -u f f.bak | tail -n +3; diff -y -W 20 f f.bak; cmp f f.bak; diff -rq . . ; echo $?; seq 1000 | xargs -n 100 echo | wc -l; seq 20 | xargs -P4 -I{} sh -c 'echo {}' | sort -n | tr '\n' ' '; echo a b | xargs -n1 false; echo $?; printf 'x y\0z' | xargs -0 -n1 echo; find . -name 'f*' -print0 | sort -z | xargs -0 wc -l

#@ patch needs=patch
seq 20 > a; sed 's/7/seven/;s/15/fifteen/' a > b; diff -u a b > p; patch a < p; cmp a b && echo patched; patch -R a < p; patch --dry-run a < p; patch a < p >/dev/null; patch -N a < p; echo $?; ls; diff3 a b a; echo $?; sdiff -s a b | head -2

#@ bc needs=bc
echo 'scale=20; 4*a(1); 2^100; sqrt(2)' | bc -l; echo 'define f(n){if(n<2)return 1; return n*f(n-1)}; f(30)' | bc; echo 'obase=16; 255' | bc; echo '5 3 + p' | dc

#@ openssl needs=openssl
echo data > d; openssl dgst -sha256 d; openssl dgst -md5 d; openssl enc -aes-256-cbc -pbkdf2 -k pw -in d -out e; openssl enc -d -aes-256-cbc -pbkdf2 -k pw -in e; openssl genrsa -out k 2048 2>/dev/null; openssl rsa -in k -check -noout 2>&1; openssl dgst -sha256 -sign k -out s d; openssl rsa -in k -pubout -out pub 2>/dev/null; openssl dgst -sha256 -verify pub -signature s d; openssl rand -hex 16 | wc -c; openssl req -x509 -new -key k -subj /CN=x -days 1 -out c; openssl x509 -in c -noout -subject; openssl base64 -in d; openssl prime 97

#@ ssh-keygen needs=ssh-keygen
ssh-keygen -q -t ed25519 -N '' -f k -C me; ls -l k k.pub | cut -c1-10; ssh-keygen -l -f k | awk '{print $1,$3,$4}'; ssh-keygen -y -f k | awk '{print $1}'; ssh-keygen -q -t rsa -b 2048 -N pw -f r; head -1 r; ssh-keygen -p -P pw -N '' -f r; echo data > d; ssh-keygen -Y sign -q -f k -n file d; echo "me $(cat k.pub)" > allowed; ssh-keygen -Y verify -f allowed -I me -n file -s d.sig < d | cut -d' ' -f1-4; eval "$(ssh-agent)" | cut -d' ' -f1,2; ssh-add -q k; ssh-add -l | awk '{print $1,$3}'; ssh-agent -k | head -c 8

#@ tmux needs=tmux timeout=60
export TMUX_TMPDIR=$PWD LC_ALL=C.UTF-8 PS1='$ ' ; t="tmux -f /dev/null"
$t new-session -d -x 80 -y 24 -s main 'bash --norc --noprofile'; sleep 1; $t send-keys -t main 'echo in tmux $((6*7))' Enter; sleep 0.7; $t capture-pane -p -t main | grep -v '^$'; $t split-window -t main 'sleep 100'; sleep 0.5; $t list-panes -t main -F '#{pane_index} #{pane_current_command}'; $t new-window -d -t main 'cat';  $t send-keys -t main:1 'typed' Enter; sleep 0.5; $t capture-pane -p -t main:1 | grep -v '^$'; for i in $(seq 100); do $t list-windows -t main -F '#{window_index} #{pane_current_command}' | grep -q '^0 sleep' && break; sleep 0.1; done; $t list-windows -t main -F '#{window_index} #{pane_current_command}'; $t resize-window -t main -x 100 -y 30; $t send-keys -t main:0.0 'clear; stty size; sleep 100' Enter; sleep 0.7; $t send-keys -t main:0.0 C-c; sleep 0.3;  $t send-keys -t main:0.0 'echo after $?' Enter; sleep 0.5; $t capture-pane -p -t main:0.0 | grep -v '^$'; $t kill-server; sleep 0.3; $t ls 2>&1 | sed 's/ on .*//'

#@ script-terminal needs=script quick
script -qec 'tty | sed s/[0-9]*$/N/; stty size; stty -a | tail -n +2; test -t 0 && echo tty; ps -o tty= -p $$ | sed s/[0-9]*$/N/' /dev/null; script -qec 'exit 5' /dev/null; echo $?; echo input | script -qec 'read x; echo "got $x"' /dev/null; script -qec 'stty -echo -icanon min 1; echo raw; stty sane; stty rows 40 cols 90; stty size' /dev/null; script -qec 'kill -HUP $$' /dev/null; echo $?; script -qec 'cat /dev/tty & sleep 0.3; kill %1; wait' /dev/null </dev/null; script -qec 'python3 -c "import pty,os; print(os.isatty(0)); pty.spawn([\"tty\"])" | tr -d "\\r" | sed s/[0-9]*$/N/' /dev/null

#@ pipelines-large timeout=60
seq 500000 | sort -R --random-source=/usr/bin/env | sort -n | uniq | awk '{s+=$1} END{print NR,s}'; head -c 50000000 /dev/zero | tr '\0' a | gzip -1 | gzip -d | md5sum; head -c 20000000 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | sha256sum; cat /usr/bin/* 2>/dev/null | head -c 30000000 | base64 | base64 -d | md5sum; find /usr/share -type f 2>/dev/null | xargs -P2 -n 200 wc -c 2>/dev/null | awk '$2!="total"{s+=$1} END{print s}'; (seq 100000 & seq 100000 & wait) | wc -l; dd if=/dev/zero bs=64k count=2000 status=none | cat | dd bs=1M iflag=fullblock status=none | wc -c

#@ flock needs=flock
flock l sh -c 'echo locked; flock -n l echo no; echo $?'; (flock 9; echo >held; sleep 0.3; echo first) 9>l & until [ -e held ]; do sleep 0.05; done; flock l echo second; wait; flock -w 0.1 l true; echo $?; setsid sh -c 'echo new session'; ionice -p $$; renice -n 3 -p $$ | sed 's/^[0-9]*//'; taskset -c 0 nproc; prlimit --nofile=50 sh -c 'ulimit -n'; getopt -o ab: -l long -- -a -b x y; mountpoint -q /proc; echo $?; unshare --user true 2>/dev/null; lscpu | grep -c '^Arch'; cal 2 2024 2>/dev/null; hexdump -C <<< hi; lsof -v >/dev/null 2>&1; mcookie | wc -c; namei /usr/bin | tail -1; uuidgen | wc -c; whereis -b ls | cut -d: -f1; findmnt -n -o TARGET /proc | tail -1
