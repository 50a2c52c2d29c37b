# Servers inside, and their ordinary clients outside: in the sandbox's case on the host, through a published port. The script above `#> outside`
# runs inside and ends when its input does; the one below runs on the host both times. PORT, PORT2...: where the server listens, and where the
# clients find it. `until_up COMMAND`: until it succeeds.

#@ python publish=8000 needs=python3 quick timeout=30
seq 100000 >big; echo hello >small; python3 -m http.server $PORT --bind 127.0.0.1 >log 2>&1 & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
cat >get.py <<'E'
import concurrent.futures, os, time, urllib.error, urllib.request
url = 'http://127.0.0.1:%s/' % os.environ['PORT']
for i in range(100):
    try: urllib.request.urlopen(url + 'small', timeout=10).read(); break
    except OSError: time.sleep(0.1)
def get(name):
    try: return urllib.request.urlopen(url + name, timeout=60).read()
    except urllib.error.HTTPError as e: return str(e.code).encode()
print(get('small'), get('none'), get('big') == b''.join(b'%d\n' % i for i in range(1, 100001)))
with concurrent.futures.ThreadPoolExecutor(8) as pool: print(set(pool.map(get, ['small'] * 50)))
E
python3 get.py

#@ mariadb publish=3306 needs=/usr/sbin/mariadbd,mariadb-install-db,mariadb timeout=120
mkdir d; mariadb-install-db --no-defaults --user=$(id -un) --datadir=$PWD/d --auth-root-authentication-method=normal --skip-test-db >log 2>&1; echo $?
/usr/sbin/mariadbd --no-defaults --user=$(id -un) --datadir=$PWD/d --bind-address=127.0.0.1 --port=$PORT --socket=$PWD/s --pid-file=$PWD/pid --innodb-buffer-pool-size=16M >log 2>&1 & s=$!; wait $s; echo $?
#> outside
c="mariadb --no-defaults -h 127.0.0.1 -P $PORT -u root --skip-ssl"; until_up $c -e 'select 1'
$c -e "create database b; use b; create table t(a int primary key auto_increment, s varchar(40), key(s)) engine=innodb; insert into t(s) select concat('row ', seq) from seq_1_to_3000; select count(*), sum(a), min(s) from t; start transaction; delete from t; rollback; select * from nowhere" 2>&1
for k in 1 2 3 4; do $c b -e "insert into t(s) select concat($k, seq) from seq_1_to_200" & p="$p $!"; done; wait $p; $c b -e 'select count(*) from t; select s from t order by s' | md5sum
(echo "create table big(t longtext); insert into big values ('"; seq 100000; echo "')") | tr '\n' ' ' >load; $c --max-allowed-packet=16M b <load; $c b -N -e 'select length(t), md5(t) from big'; $c --max-allowed-packet=16M b -N --raw -e 'select t from big' | wc -c
mariadb-admin --no-defaults -h 127.0.0.1 -P $PORT -u root --skip-ssl status | grep -c Uptime; mariadb-dump --no-defaults -h 127.0.0.1 -P $PORT -u root --skip-ssl b t | grep -c 'INSERT INTO'; $c -e shutdown

#@ postgres publish=5432 needs=postgres,initdb,psql,pgbench timeout=120
as=; [ "$(id -u)" = 0 ] && as='setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp'; mkdir p; chmod 777 p; chmod a+x .; cd p
b=$(dirname $(readlink -f $(command -v postgres))); $as $b/initdb -D $PWD/d -U me -A trust --no-sync >log 2>&1; echo $?
$as $b/postgres -D $PWD/d -p $PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PWD -c fsync=off >>log 2>&1 & s=$!; read -r; kill -INT $s; wait $s; echo $?
#> outside
c="psql -X -h 127.0.0.1 -p $PORT -U me -d postgres -At"; until_up $c -c 'select 1'
$c -c 'create table t(a serial primary key, s text)' -c "insert into t(s) select 'row ' || g from generate_series(1, 5000) g" -c 'select count(*), sum(a), max(s) from t' -c 'select 1/0' 2>&1; seq 200000 | $c -c 'create table n(i int)' -c 'copy n from stdin' -c 'select count(*), sum(i) from n'; $c -c 'copy (select i from n order by i) to stdout' | md5sum
p="-h 127.0.0.1 -p $PORT -U me"; pgbench $p -i -q postgres >log 2>&1; echo $?; pgbench $p -c 4 -j 2 -t 50 postgres 2>&1 | grep -E '^number of (transactions actually|failed)'; pgbench $p -S -M prepared -c 4 -t 100 postgres 2>&1 | grep -E '^number of (transactions actually|failed)'; pgbench $p -C -S -t 20 postgres 2>&1 | grep -E '^number of (transactions actually|failed)'; pg_dump $p postgres | grep -c '^COPY'

#@ redis publish=6379 needs=redis-server,redis-cli,redis-benchmark timeout=60
redis-server --port $PORT --save '' --appendonly no >log 2>&1; echo $?
#> outside
c="redis-cli -h 127.0.0.1 -p $PORT"; until_up $c ping; $c set k v; $c get k; $c lpush l a b c; $c lrange l 0 -1; for i in $(seq 200); do echo "set key$i value$i"; done | $c | sort | uniq -c; head -c 2000000 /dev/zero | tr '\0' z | $c -x set big; $c strlen big; $c get big | wc -c
$c subscribe news >got & s=$!; until_up sh -c "$c pubsub numsub news | grep -x 1"; $c publish news hello; until_up grep hello got; kill $s; cat got; redis-benchmark -h 127.0.0.1 -p $PORT -q -n 2000 -c 20 -P 4 -t set,get,lpush 2>&1 | tr '\r' '\n' | grep -c 'requests per second'; $c shutdown nosave

#@ nginx publish=80,443 needs=nginx,curl,ab,openssl timeout=60
mkdir -p n/w; seq 200000 >n/w/big; echo hello >n/w/i; openssl req -x509 -newkey rsa:2048 -nodes -keyout n/key -out n/cert -days 2 -subj /CN=localhost 2>/dev/null; chmod -R a+rX .
cat >n/c <<E
worker_processes 2; daemon off; error_log $PWD/n/e; pid $PWD/n/pid; events { worker_connections 256; }
http { access_log off; client_max_body_size 9m; client_body_temp_path $PWD/n/1; proxy_temp_path $PWD/n/2; fastcgi_temp_path $PWD/n/3; uwsgi_temp_path $PWD/n/4; scgi_temp_path $PWD/n/5;
server { listen 127.0.0.1:$PORT; listen 127.0.0.1:$PORT2 ssl; ssl_certificate $PWD/n/cert; ssl_certificate_key $PWD/n/key; root $PWD/n/w; location /up { proxy_pass http://127.0.0.1:$PORT/i; } } }
E
nginx -c $PWD/n/c -p $PWD/n & s=$!; read -r; kill -QUIT $s; wait $s; echo $?
#> outside
u=http://127.0.0.1:$PORT; t=https://127.0.0.1:$PORT2; until_up curl -sf $u/i; seq 200000 >big; curl -s $u/i; curl -s $u/big | cmp - big && echo same; curl -sk $t/big | cmp - big && echo same over TLS; curl -s -r 100-109 $u/big | od -c | head -1; curl -s -o /dev/null -w '%{http_code}\n' $u/none; curl -s -X POST --data-binary @big -o /dev/null -w '%{http_code} %{size_upload}\n' $u/up
curl -sk -o /dev/null -o /dev/null -w '%{http_code} %{num_connects}\n' $t/i $t/i; ab -q -k -n 500 -c 10 $u/i | grep -E '^(Complete|Failed|Keep-Alive|Non)'; ab -q -n 100 -c 10 $u/big | grep -E '^(Complete|Failed)'; ab -q -k -n 100 -c 10 $t/i | grep -E '^(Complete|Failed)'

#@ ssh publish=22,2222 needs=/usr/sbin/sshd,ssh,ssh-keygen,sftp,scp,socat timeout=60
[ "$(id -u)" = 0 ] && mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount -t tmpfs tmpfs /root
ssh-keygen -q -t ed25519 -N '' -f host; socat -d0 TCP-LISTEN:$PORT2,bind=127.0.0.1,reuseaddr SYSTEM:'cat >keys; echo thanks'; chmod 600 keys
printf '%s\n' "Port $PORT" 'ListenAddress 127.0.0.1' "HostKey $PWD/host" "AuthorizedKeysFile $PWD/keys" 'StrictModes no' 'UsePAM no' "PidFile $PWD/pid" 'Subsystem sftp internal-sftp' 'PermitRootLogin yes' >conf
/usr/sbin/sshd -D -e -f $PWD/conf >log 2>&1 & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
ssh-keygen -q -t ed25519 -N '' -f key; until_up sh -c "socat -d0 -t 10 - TCP:127.0.0.1:$PORT2 <key.pub | grep thanks"
o="-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -i key"; r="ssh $o -p $PORT 127.0.0.1"
until_up $r true; $r 'cat; exit 7' </etc/passwd | cmp - /etc/passwd; echo ${PIPESTATUS[0]}; $r -tt 'tty | cut -c1-9; stty size' | tr -d '\r'; seq 300000 >big; scp $o -q -P $PORT big 127.0.0.1:/tmp/programs/copy && $r 'md5sum /tmp/programs/copy'; printf 'get /tmp/programs/copy there\n' | sftp $o -q -b - -P $PORT 127.0.0.1 | grep -v '^sftp'; cmp big there && echo fetched; $r 'seq 200000 | md5sum; exec kill -9 $$'; echo $?

#@ node publish=3000 needs=node,curl timeout=60
cat >s.js <<'E'
require('http').createServer((q, a) => { let n = 0; q.on('data', (d) => (n += d.length)); q.on('end', () => a.end(`${q.method} ${q.url} ${n}\n`)); }).listen(process.env.PORT, '127.0.0.1');
E
node s.js & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
u=http://127.0.0.1:$PORT; until_up curl -sf $u; curl -s $u/a; head -c 3000000 /dev/zero | curl -s --data-binary @- $u/b; seq 200000 | curl -s -H 'Transfer-Encoding: chunked' -T - $u/c; for i in $(seq 40); do echo "url=$u/$i"; done | curl -s -Z -K - | wc -l

#@ java publish=8080 needs=java,curl timeout=60
cat >S.java <<'E'
import com.sun.net.httpserver.*; import java.net.*; import java.util.concurrent.*;
public class S { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0])), 0); s.setExecutor(Executors.newFixedThreadPool(4));
  s.createContext("/", x -> { byte[] in = x.getRequestBody().readAllBytes(); byte[] out = (x.getRequestMethod() + " " + in.length + "\n").getBytes(); x.sendResponseHeaders(200, out.length); x.getResponseBody().write(out); x.close(); });
  s.start(); } }
E
java S.java $PORT & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
u=http://127.0.0.1:$PORT; until_up curl -sf $u; curl -s $u/a; head -c 3000000 /dev/zero | curl -s --data-binary @- $u/b; for i in $(seq 40); do echo "url=$u/$i"; done | curl -s -Z -K - | sort | uniq -c

#@ memcached publish=11211 needs=memcached,socat timeout=30
memcached -u root -l 127.0.0.1 -p $PORT & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
until_up sh -c "printf 'version\r\nquit\r\n' | socat -d0 -t 5 - TCP:127.0.0.1:$PORT | grep VERSION"; printf 'set a 0 0 3\r\nabc\r\nget a\r\nincr n 1\r\ndelete a\r\nget a\r\nquit\r\n' | socat -t 5 - TCP:127.0.0.1:$PORT; (printf 'set big 0 0 500000\r\n'; head -c 500000 /dev/zero | tr '\0' y; printf '\r\nget big\r\nquit\r\n') | socat -t 5 - TCP:127.0.0.1:$PORT | wc -c

#@ iperf publish=5201,5201/udp needs=iperf3,python3 timeout=60
iperf3 -s -B 127.0.0.1 -p $PORT >log & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
f='import json,sys; r=json.load(sys.stdin); e=r["end"]; print(r.get("error"), len(r["start"]["connected"]), [k for k in ("sum_sent","sum_received","sum") if e.get(k,{}).get("bytes",0) > 0])'
# Between two tests the server listens anew: a client may have to come again.
for a in '-n 20M' '-n 20M -R' '-n 20M -P 4' '-n 20M --bidir' '-u -b 5M -t 1 -l 1000'; do until_up sh -c "timeout 40 iperf3 -c 127.0.0.1 -p $PORT -J $a >out"; python3 -c "$f" <out; done

#@ dns publish=53,53/udp needs=dnsmasq,dig timeout=30
dnsmasq -d -p $PORT --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --address=/box.test/192.0.2.7 --address=/box.test/2001:db8::7 --txt-record=t.test,"some text" --host-record=h.test,192.0.2.9 --cname=c.test,h.test --user=$(id -un) --pid-file= >log 2>&1 & s=$!; read -r; kill $s; wait $s; echo $?
#> outside
q="dig -p $PORT @127.0.0.1 +tries=5 +time=3"; until_up sh -c "$q +short h.test | grep -x 192.0.2.9"; for n in 'box.test A' 'box.test AAAA' 't.test TXT' c.test '+tcp h.test' '-x 192.0.2.9'; do $q +noall +answer $n; done; $q none.test +noall +comments | grep -o 'status: [A-Z]*'

#@ socat publish=7000,7001/udp needs=socat timeout=60
seq 1000000 >sent; socat -d0 TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork SYSTEM:'md5sum; cat sent' & a=$!; socat -d0 UDP-RECVFROM:$PORT2,bind=127.0.0.1,fork SYSTEM:'tr a-z A-Z' & b=$!; read -r; kill $a $b; wait $a $b
#> outside
until_up sh -c "echo | socat -d0 -t 20 - TCP:127.0.0.1:$PORT >ready && test -s ready"; seq 1000000 >sent; socat -d0 -t 20 - TCP:127.0.0.1:$PORT <sent >got; head -1 got; tail -n +2 got | cmp - sent && echo same; until_up sh -c "echo hi | socat -d0 -t 2 - UDP:127.0.0.1:$PORT2 | grep -x HI"; echo shout | socat -d0 -t 3 - UDP:127.0.0.1:$PORT2
