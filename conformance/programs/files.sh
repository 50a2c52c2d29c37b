# What leans on the file tree: archivers, package managers, databases, and the load generators of file systems.

#@ tar-round-trip needs=tar,getfattr,setfattr,getfacl,setfacl timeout=60
mkdir -p src/d/e; printf data > src/f; ln src/f src/d/hard; ln src/f src/d/e/harder; ln -s ../f src/d/link; ln -s nowhere src/dangling
mkfifo src/fifo; mknod src/null c 1 3; mknod src/disk b 7 200; chmod 4755 src/f; chmod 1777 src/d; chmod 2750 src/d/e
truncate -s 5M src/sparse; printf middle | dd of=src/sparse bs=1 seek=2000000 conv=notrunc status=none
chown 12:34 src/d/e; chown -h 56:78 src/d/link; setfattr -n user.colour -v blue src/f 2>/dev/null; setfattr -n user.empty src/d; setfattr -n trusted.t -v '"x\000y"' src/f
setfacl -m u:100:rw,g:200:r,m::rw src/sparse; setfacl -d -m u:100:rwx src/d/e
find src -depth -exec touch -h -d '1999-01-01 00:00:00.5' {} +; touch -d '2001-02-03 04:05:06.123456789' src/f src/d
show() { (cd $1 && find . | sort | xargs stat -c '%n %F %a %u %g %h %s %t:%T %y' | sed 's/^\(\S* directory .* [0-9]\+\) [0-9]* 0:0/\1/' | grep -v '^\. '
  find . -printf '%P %l\n' | sort; find . | sort | xargs getfattr -h -d -m - 2>/dev/null; find . ! -type l | sort | xargs getfacl -n -p; [ f -ef d/hard ] && [ f -ef d/e/harder ] && echo linked; md5sum f sparse; [ $(stat -c %b sparse) -lt 2000 ] && echo sparse); }
show src > want; cat want
tar --xattrs --xattrs-include='*' --acls --sparse -cf a.tar -C src . && mkdir t && tar --xattrs --xattrs-include='*' --acls -xpf a.tar -C t && show t | diff want - && echo same after tar
tar --format=posix -czf b.tgz -C src . && mkdir u && tar -xzpf b.tgz -C u && (cd u; find . | sort; stat -c '%n %a %u %g %s %.9Y' f d/e sparse)
cp -a src c && show c | diff want - && echo same after cp
cp -a --sparse=always src/sparse s2; stat -c '%s' s2; cmp s2 src/sparse; cp --reflink=auto -R --preserve=links src p && [ p/f -ef p/d/hard ] && echo linked; (cd src && find . -depth | cpio -o -H newc --quiet 2>/dev/null | md5sum | wc -c)

#@ rsync needs=rsync timeout=60
mkdir -p a/x/y; for i in $(seq 200); do echo "line $i" > a/x/f$i; done; head -c 300000 /dev/zero | tr '\0' k > a/big; ln a/big a/big2; ln -s x/f1 a/l; truncate -s 3M a/hole; touch -d 2005-05-05 a/x/f7; mkfifo a/p; chown -R 5:6 a/x/y; find a -depth -exec touch -h -d '2006-06-06 06:06:06' {} +
rsync -aHAXS --stats a/ b/ | grep -E '^Number of (created|regular|files)'; diff -r --no-dereference a b 2>&1 | grep -v fifo; [ b/big -ef b/big2 ] && echo linked
printf changed >> a/big; rm a/x/f3; mv a/x/f4 a/x/g4; touch -d '2007-07-07' a/big a/x; rsync -aHi --delete --no-whole-file a/ b/; rsync -aHin --delete a/ b/; stat -c '%U %G %a' b/x/y; rsync -a --link-dest=$PWD/b b/ c/; [ c/x/f1 -ef b/x/f1 ] && echo shared
rsync -a --inplace --checksum a/big b/big; cmp a/big b/big; rsync -a --remove-source-files a/x/ m/; find a/x -type f | wc -l; ls m | wc -l

#@ git-gc needs=git timeout=90
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main r; cd r; git config core.fsync all; for i in $(seq 40); do seq $((i * 50)) > f$((i % 9)); mkdir -p d/$i; echo $i > d/$i/x; git add -A; git commit -qm "c$i"; done
git branch side HEAD~10; git gc -q --aggressive --prune=now; git count-objects -v | grep -E '^(count|in-pack|packs|garbage)'; git fsck --full --strict; git log --oneline | md5sum; git repack -adq; git prune; git verify-pack -v .git/objects/pack/*.idx | tail -1
git clone -q --local . ../l; git clone -q --no-local . ../n; git -C ../n rev-parse HEAD; git checkout -q side; ls d | wc -l; git stash -q 2>&1; git worktree add -q ../w main; git -C ../w status --short; git bundle create -q ../b main && git bundle verify -q ../b && echo bundle

#@ fio-verify needs=fio timeout=90
fio --name=v --filename=data --size=8m --rw=randwrite --bs=4k-64k --ioengine=psync --verify=crc32c --do_verify=1 --verify_fatal=1 --randseed=7 --minimal --fallocate=none > out 2>&1; echo $?; grep -ciE 'verify:|bad' out
fio --name=m --filename=mapped --size=4m --rw=randrw --bs=4k --ioengine=mmap --verify=md5 --randseed=3 --minimal > out 2>&1; echo $?; grep -ciE 'verify:|bad' out
fio --name=t --directory=. --size=1m --numjobs=4 --thread --rw=randrw --bs=8k --ioengine=pvsync2 --verify=sha256 --randseed=5 --group_reporting --minimal > out 2>&1; echo $?; grep -ciE 'verify:|bad' out
fio --name=l --filename=aio --size=2m --rw=randrw --bs=4k --ioengine=libaio --iodepth=8 --verify=xxhash --randseed=9 --minimal > out 2>&1; echo $?; grep -ciE 'verify:|bad' out
fio --name=s --filename=seq --size=8m --rw=write --bs=128k --ioengine=sync --verify=crc64 --fsync=16 --end_fsync=1 --minimal > out 2>&1; echo $?; ls; stat -c '%n %s' data mapped aio seq

#@ dbench needs=dbench timeout=60
cp /usr/share/dbench/client.txt . 2>/dev/null; dbench -c /usr/share/dbench/client.txt -D . -t 10 2 > out 2>&1; echo $?; grep -cE 'failed|expected' out; grep -c '^Throughput' out; ls -A clients 2>/dev/null | wc -l

#@ dpkg needs=dpkg,dpkg-deb timeout=60
mkdir -p root/var/lib/dpkg/{info,updates,triggers} p/DEBIAN p/usr/share/thing p/usr/bin p/etc; : > root/var/lib/dpkg/status; : > root/var/lib/dpkg/available
printf 'Package: thing\nVersion: 1.0\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a thing\n' > p/DEBIAN/control; echo /etc/thing.conf > p/DEBIAN/conffiles; echo conf > p/etc/thing.conf
for i in $(seq 150); do echo $i > p/usr/share/thing/$i; done; printf '#!/bin/sh\necho thing\n' > p/usr/bin/thing; chmod 755 p/usr/bin/thing; ln p/usr/bin/thing p/usr/bin/thing2; ln -s thing p/usr/bin/thing3
dpkg-deb --root-owner-group -b p thing_1.deb; sed -i 's/1.0/2.0/' p/DEBIAN/control; rm p/usr/share/thing/1; echo new > p/etc/thing.conf; dpkg-deb --root-owner-group -Zxz -b p thing_2.deb
D="dpkg --root=root --force-not-root --force-script-chrootless --log=/dev/null"
$D -i thing_1.deb | sed 's/[0-9]* files/N files/'; $D -l thing | tail -1; find root -path root/var -prune -o -printf '%P %y %m %l\n' | sort | md5sum; $D -i thing_2.deb; ls root/usr/share/thing | wc -l; cat root/etc/thing.conf; $D -V thing; echo x > root/usr/share/thing/9; $D -V thing
$D --purge thing; find root/usr root/etc 2>/dev/null | sort

#@ apt-local needs=apt-get,dpkg-deb root=debian timeout=120
export SOURCE_DATE_EPOCH=1000000000; mkdir -p repo; for n in base tool app; do mkdir -p $n/DEBIAN $n/opt/$n; dep=; [ $n = tool ] && dep='Depends: base (>= 1)'; [ $n = app ] && dep='Depends: tool, base'; { printf "Package: my-$n\nVersion: 1.2\nArchitecture: all\nMaintainer: a <a@b>\nDescription: $n\n"; [ -n "$dep" ] && echo "$dep" | sed 's/\(base\|tool\)/my-\1/g'; } > $n/DEBIAN/control
printf '#!/bin/sh\necho postinst '$n' $1\n' > $n/DEBIAN/postinst; chmod 755 $n/DEBIAN/postinst; seq 100 > $n/opt/$n/data; dpkg-deb --root-owner-group -b $n repo/my-${n}_1.2_all.deb; done
(cd repo && for f in *.deb; do dpkg-deb -f $f; echo "Filename: ./$f"; echo "Size: $(stat -c %s $f)"; echo "SHA256: $(sha256sum < $f | cut -d' ' -f1)"; echo; done > Packages)
mv /etc/apt/sources.list.d /etc/apt/off 2>/dev/null; echo "deb [trusted=yes] file:$PWD/repo ./" > /etc/apt/sources.list
export DEBIAN_FRONTEND=noninteractive; apt-get -q -o APT::Sandbox::User=_apt update | grep -vE '^(Get|Ign|Hit|Fetched)'; apt-get -qy install my-app 2>&1 | grep -vE 'Fetched|Preparing|files and dir|additional disk|Need to get'; dpkg -l 'my-*' | tail -3; cat /opt/*/data | md5sum; apt-get -qy --purge autoremove my-app 2>&1 | grep -E '^(Removing|Purging)'; ls /opt

#@ sqlite-killed needs=sqlite3,python3 timeout=60
cat > w.py <<'E'
import sqlite3, sys
c = sqlite3.connect('db', isolation_level=None); c.execute('pragma journal_mode=' + sys.argv[1]); c.execute('pragma synchronous=full'); c.execute('pragma cache_size=10')
c.execute('create table if not exists t(id integer primary key, batch int, pad text)')
b = c.execute('select coalesce(max(batch),0) from t').fetchone()[0]
while True:
    b += 1; c.execute('begin'); c.executemany('insert into t(batch,pad) values(?,?)', [(b, 'x' * 700)] * 50)
    if b % 3 == 0: c.execute('update t set pad=pad||? where batch=?', ('y', b - 1))
    c.execute('commit'); print(b, flush=True)
E
for mode in delete wal truncate persist; do rm -f db*; for i in 1 2 3 4 5; do rm -f log; python3 w.py $mode > log & p=$!; while [ "$(cat log 2>/dev/null | wc -l)" -lt $((i * 2)) ]; do sleep 0.01; done; kill -9 $p; wait $p 2>/dev/null
last=$(tail -n 1 log); sqlite3 db "pragma integrity_check; select count(*) % 50 = 0, max(batch) >= $last, count(distinct batch) = max(batch) from t"; done; done

#@ every-byte timeout=60 needs=python3
cat > n.py <<'E'
import os, hashlib
names = [bytes([b]) for b in range(1, 256) if b not in (0x2f, 0x2e)] + [bytes([b]) * 255 for b in (1, 10, 32, 127, 128, 255)] + [b'a\n', b'..x', b'...', b' ', b'\xff\xfe', b'-rf', '\u00e9'.encode(), 'e\u0301'.encode()]
os.mkdir(b'd'); [open(b'd/' + n, 'wb').write(n) for n in names]; got = sorted(os.listdir(b'd')); print(len(names), got == sorted(names), hashlib.md5(b'\0'.join(got)).hexdigest())
[os.rename(b'd/' + n, b'd/' + n[:250] + b'\x01~') for n in names]; [os.symlink(n, b'd/l' + n[:200]) for n in names]; print(all(os.readlink(b'd/l' + n[:200]) == n for n in names)); [os.unlink(b'd/' + n) for n in os.listdir(b'd')]; os.rmdir(b'd')
for n in (b'x' * 256, b'', b'a\0b'):
    try: open(b'./' + n if n else n, 'wb')
    except (OSError, ValueError) as e: print(type(e).__name__, getattr(e, 'errno', None))
depth = 0
while depth < 1500: os.mkdir('deep'); os.chdir('deep'); depth += 1
try: print(len(os.getcwd()))
except OSError as e: print(e.errno)
E
python3 n.py; find deep -type d | wc -l; rm -rf deep; ls; for i in $(seq 41); do ln -s l$((i + 1)) l$i; done; touch l41x; cat l1; ln -sfn l41x l41; cat l1; cat l2; ln -s self self; cat self; ln -s . dot; ls dot/dot/dot/dot | wc -l; stat -c %N $(printf 'dot/%.0s' $(seq 41))l1 2>&1 | tail -c 40
