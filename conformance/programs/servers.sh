# Servers of the larger kind and the clients that go with them, on the loopback. Ports are fixed, far from what else runs.

#@ ssh needs=/usr/sbin/sshd,ssh,ssh-keygen,sftp,scp timeout=60
[ "$(id -u)" = 0 ] && mount -t tmpfs tmpfs /run && mkdir /run/sshd && mount -t tmpfs tmpfs /root
ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f key; cp key.pub keys; chmod 600 keys
printf '%s\n' 'Port 28490' 'ListenAddress 127.0.0.1' "HostKey $PWD/host" "AuthorizedKeysFile $PWD/keys" 'StrictModes no' 'UsePAM no' "PidFile $PWD/pid" 'Subsystem sftp internal-sftp' 'PermitRootLogin yes' >conf
/usr/sbin/sshd -D -e -f $PWD/conf >log 2>&1 & s=$!
o="-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o IdentitiesOnly=yes -i key"
for i in $(seq 50); do ssh $o -p 28490 127.0.0.1 true 2>/dev/null && break; sleep 0.2; done
ssh $o -p 28490 127.0.0.1 'echo "$SHELL"; cat; exit 7' </etc/passwd | cmp - <(echo "$(getent passwd $(id -u) | cut -d: -f7)"; cat /etc/passwd); echo ${PIPESTATUS[0]}
ssh $o -tt -p 28490 127.0.0.1 'tty | cut -c1-9; stty size; echo err >&2' | tr -d '\r'
seq 300000 >big; scp $o -q -P 28490 big 127.0.0.1:$PWD/copy && cmp big copy && echo copied
printf 'get %s there\nls -1 %s/host*\n' $PWD/big $PWD | sftp $o -q -b - -P 28490 127.0.0.1 | grep -v '^sftp'; cmp big there && echo fetched
ssh $o -N -L 28491:127.0.0.1:28490 -p 28490 127.0.0.1 & t=$!; for i in $(seq 50); do ssh $o -p 28491 127.0.0.1 true 2>/dev/null && break; sleep 0.2; done; ssh $o -p 28491 127.0.0.1 'echo through the tunnel'; kill $t; wait $t
ssh $o -o PasswordAuthentication=no -o PubkeyAuthentication=no -p 28490 127.0.0.1 true; echo $?
kill $s; wait $s; echo $?

#@ apache needs=/usr/sbin/apache2,curl,ab,openssl timeout=60
mkdir w; seq 200000 >w/big; echo hello >w/i.txt; chmod -R a+rX .
openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2>/dev/null
m=/usr/lib/apache2/modules
cat >conf <<E
ServerRoot $PWD
ServerName localhost
PidFile $PWD/pid
ErrorLog $PWD/log
Mutex file:$PWD default
Listen 127.0.0.1:28492
Listen 127.0.0.1:28493
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule mime_module $m/mod_mime.so
LoadModule dir_module $m/mod_dir.so
LoadModule status_module $m/mod_status.so
LoadModule ssl_module $m/mod_ssl.so
TypesConfig /etc/mime.types
DocumentRoot $PWD/w
StartServers 2
KeepAlive On
MaxKeepAliveRequests 0
<VirtualHost 127.0.0.1:28493>
SSLEngine on
SSLCertificateFile $PWD/cert
SSLCertificateKeyFile $PWD/key
</VirtualHost>
E
[ "$(id -u)" = 0 ] && printf 'User www-data\nGroup www-data\n' >>conf
/usr/sbin/apache2 -f $PWD/conf -DFOREGROUND & s=$!
for i in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:28492/i.txt && break; sleep 0.2; done
curl -s http://127.0.0.1:28492/i.txt; curl -s http://127.0.0.1:28492/big | cmp - w/big && echo same; curl -sk https://127.0.0.1:28493/big | cmp - w/big && echo same over TLS
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:28492/none; curl -s -r 100-109 http://127.0.0.1:28492/big | od -c | head -1
curl -sk -o /dev/null -o /dev/null -w '%{http_code} %{num_connects}\n' https://127.0.0.1:28493/i.txt https://127.0.0.1:28493/i.txt
ab -q -k -n 1000 -c 20 http://127.0.0.1:28492/i.txt | grep -E '^(Complete|Failed|Keep-Alive|Non)'; ab -q -n 100 -c 10 http://127.0.0.1:28492/big | grep -E '^(Complete|Failed)'
ab -q -k -n 200 -c 10 https://127.0.0.1:28493/i.txt | grep -E '^(Complete|Failed)'; kill -WINCH $s; wait $s; echo $?

#@ mariadb needs=/usr/sbin/mariadbd,mariadb-install-db,mariadb timeout=120
mkdir d; mariadb-install-db --no-defaults --user=$(id -un) --datadir=$PWD/d --auth-root-authentication-method=normal --skip-test-db >log 2>&1; echo $?
/usr/sbin/mariadbd --no-defaults --user=$(id -un) --datadir=$PWD/d --bind-address=127.0.0.1 --port=28494 --socket=$PWD/s --pid-file=$PWD/pid --innodb-buffer-pool-size=16M >log 2>&1 & s=$!
c="mariadb --no-defaults -h 127.0.0.1 -P 28494 -u root --skip-ssl"; for i in $(seq 100); do $c -e 'select 1' >/dev/null 2>&1 && break; sleep 0.3; done
$c -e "create database b; use b; create table t(a int primary key auto_increment, s varchar(40), key(s)) engine=innodb; insert into t(s) select concat('row ', seq) from seq_1_to_3000; select count(*), sum(a), min(s) from t; start transaction; delete from t where a % 3 = 0; rollback; select count(*) from t; update t set s = repeat('x', 30) where a < 100; select s, count(*) from t group by s order by 2 desc limit 1; show warnings; select * from nowhere" 2>&1
for k in 1 2 3 4; do $c b -e "insert into t(s) select concat($k, seq) from seq_1_to_200" & p="$p $!"; done; wait $p; $c b -e 'select count(*), max(a) from t; select s from t order by s' | md5sum
mariadb --no-defaults -S s -u root --skip-ssl -e 'shutdown'; wait $s; echo $?

#@ postgres needs=postgres,initdb,psql,pg_ctl timeout=120
as=; [ "$(id -u)" = 0 ] && as='setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp'; mkdir p; chmod 777 p; chmod a+x .; cd p
b=$(dirname $(readlink -f $(command -v postgres)))
$as $b/initdb -D $PWD/d -U me -A trust --no-sync >log 2>&1; echo $?
$as $b/postgres -D $PWD/d -p 28495 -c listen_addresses=127.0.0.1 -c unix_socket_directories=$PWD -c fsync=off >>log 2>&1 & s=$!
c="psql -X -h 127.0.0.1 -p 28495 -U me -d postgres -At"; for i in $(seq 100); do $c -c 'select 1' >/dev/null 2>&1 && break; sleep 0.3; done
$c -c 'create table t(a serial primary key, s text)' -c "insert into t(s) select 'row ' || g from generate_series(1, 5000) g" -c 'select count(*), sum(a), max(s) from t' -c 'create index on t(s)' -c "explain (costs off) select * from t where s = 'row 7'" -c 'select 1/0' 2>&1
for k in 1 2 3 4; do $c -c "insert into t(s) select md5(g::text) from generate_series(1, 300) g" & q="$q $!"; done; wait $q; $c -c 'select count(*) from t' -c "copy (select s from t order by s) to stdout" | md5sum
psql -X -h $PWD -p 28495 -U me -d postgres -At -c 'show port' -c 'vacuum analyze t' ; ( $c -c 'listen x' -c 'select pg_sleep(0.5)' -c 'select 1' | sed 's/PID [0-9]*/PID/' ) & l=$!; sleep 0.2; $c -c 'notify x'; wait $l
$c -c 'select pg_sleep(60)' 2>&1 & q=$!; sleep 0.5; $c -c "select count(pg_cancel_backend(pid)) from pg_stat_activity where query like 'select pg_sleep%'" ; wait $q; echo $?
kill -INT $s; wait $s; echo $?

#@ java-http needs=java timeout=60
cat >S.java <<'E'
import com.sun.net.httpserver.*; import java.net.*; import java.net.http.*; import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class S { public static void main(String[] a) throws Exception {
  HttpServer s = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0); s.setExecutor(Executors.newFixedThreadPool(4));
  s.createContext("/", x -> { byte[] in = x.getRequestBody().readAllBytes(); byte[] out = (x.getRequestMethod() + " " + in.length).getBytes(); x.sendResponseHeaders(200, out.length); x.getResponseBody().write(out); x.close(); });
  s.start(); URI u = URI.create("http://127.0.0.1:" + s.getAddress().getPort() + "/"); HttpClient c = HttpClient.newHttpClient();
  System.out.println(c.send(HttpRequest.newBuilder(u).build(), HttpResponse.BodyHandlers.ofString()).body());
  System.out.println(c.send(HttpRequest.newBuilder(u).POST(HttpRequest.BodyPublishers.ofByteArray(new byte[3000000])).build(), HttpResponse.BodyHandlers.ofString()).body());
  var all = IntStream.range(0, 60).mapToObj(i -> c.sendAsync(HttpRequest.newBuilder(u).build(), HttpResponse.BodyHandlers.ofString())).toList();
  System.out.println(all.stream().map(f -> f.join().statusCode()).collect(Collectors.toSet()));
  try { new Socket("127.0.0.1", 1); } catch (ConnectException e) { System.out.println(e.getMessage()); }
  try (ServerSocket v = new ServerSocket(0)) { v.setSoTimeout(50); v.accept(); } catch (SocketTimeoutException e) { System.out.println(e.getMessage()); }
  DatagramSocket d = new DatagramSocket(0, InetAddress.getLoopbackAddress()); d.send(new DatagramPacket("hi".getBytes(), 2, d.getLocalSocketAddress())); var p = new DatagramPacket(new byte[9], 9); d.receive(p); System.out.println(p.getLength());
  System.out.println(NetworkInterface.networkInterfaces().anyMatch(n -> { try { return n.isLoopback() && n.isUp(); } catch (SocketException e) { return false; } })); s.stop(0); System.exit(0); } }
E
java S.java

#@ tomcat needs=java,/usr/share/tomcat10/bin/catalina.sh,curl,ab timeout=90
mkdir -p b/conf b/logs b/temp b/work b/webapps/ROOT; echo '<html>static</html>' >b/webapps/ROOT/i.html; printf '<%%= "sum " + (40 + 2) %%>\n' >b/webapps/ROOT/s.jsp; cp /usr/share/tomcat10/etc/web.xml b/conf/ 2>/dev/null || cp /etc/tomcat10/web.xml b/conf/
echo '<Server port="-1"><Service name="Catalina"><Connector port="28496" address="127.0.0.1"/><Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine></Service></Server>' >b/conf/server.xml
export CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=$PWD/b CATALINA_PID=$PWD/pid; $CATALINA_HOME/bin/catalina.sh run >log 2>&1 & s=$!
for i in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:28496/i.html && break; sleep 0.5; done
curl -s http://127.0.0.1:28496/i.html; curl -s http://127.0.0.1:28496/s.jsp; curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:28496/none; ab -q -k -n 500 -c 10 http://127.0.0.1:28496/i.html | grep -E '^(Complete|Failed|Non)'
kill $s; wait $s; echo $?

#@ iperf needs=iperf3 timeout=60
iperf3 -s -B 127.0.0.1 -p 28497 >log & s=$!; sleep 1
f='import json,sys; r=json.load(sys.stdin); e=r["end"]; print(r.get("error"), len(r["start"]["connected"]), [k for k in ("sum_sent","sum_received","sum") if e.get(k,{}).get("bytes",0) > 0])'
for a in '-n 20M' '-n 20M -R' '-n 20M -P 4' '-n 20M --bidir' '-n 20M -Z' '-u -b 20M -t 1' '-n 10M -C reno' '-n 5M -M 1000'; do
  # Between two tests the server closes the socket it listens on: a client that is quicker than that is refused, or reset.
  for k in $(seq 10); do timeout 40 iperf3 -c 127.0.0.1 -p 28497 -J $a >r; grep -q '"error"' r || break; sleep 0.3; done
  python3 -c "$f" <r
done; kill $s; wait $s; echo $?

#@ ss needs=ss,socat timeout=30
socat -d0 TCP-LISTEN:28498,bind=127.0.0.1,reuseaddr PIPE & a=$!; socat -d0 UNIX-LISTEN:$PWD/u PIPE & b=$!; socat -d0 -u UDP-RECV:28498,bind=127.0.0.1 - >/dev/null & d=$!; sleep 1; mkfifo f; socat -d0 - TCP:127.0.0.1:28498,sourceport=28499 <f & c=$!; exec 9>f; sleep 1
n='s/pid=[0-9]*/pid=/g;s/ *$//;s/  */ /g'; ss -tlnpH 'sport = :28498' | sed "$n"; ss -tnpH state established '( sport = :28498 or dport = :28498 )' | sort | sed "$n"; ss -unapH 'sport = :28498' | sed "$n"; ss -xlpH src $PWD/u | sed "$n;s/ [0-9]* \* 0/ N * 0/"
ss -tniH state established 'sport = :28498' | grep -o 'mss:[0-9]*\|pmtu:[0-9]*'; ss -tnH state established 'dport = :28498' dst 127.0.0.1 | wc -l; ss -tnoemH 'sport = :28499' | grep -c skmem; ss -s | grep -c '^TCP:'; kill $b $d; exec 9>&-; wait $c $a $b $d

#@ dns needs=dnsmasq,dig timeout=30
dnsmasq -d -p 28500 --listen-address=127.0.0.1 --bind-interfaces --no-resolv --no-hosts --address=/box.test/192.0.2.7 --address=/box.test/2001:db8::7 --txt-record=t.test,"some text" --host-record=h.test,192.0.2.9 --cname=c.test,h.test --mx-host=test,h.test,5 --user=$(id -un) --pid-file= >log 2>&1 & s=$!; sleep 1
q="dig -p 28500 @127.0.0.1 +noall +answer +tries=2 +time=3"; $q box.test A; $q box.test AAAA; $q t.test TXT; $q c.test; $q test MX; $q +tcp h.test; $q -x 192.0.2.9; dig -p 28500 @127.0.0.1 none.test +noall +comments | grep -o 'status: [A-Z]*'; dig -p 28501 @127.0.0.1 h.test +tries=1 +time=1 2>&1 | grep -v '^$\|DiG\|cmd'; kill $s; wait $s; echo $?

#@ nmap needs=nmap,socat timeout=60
socat -d0 TCP-LISTEN:28502,bind=127.0.0.1,fork,reuseaddr SYSTEM:'echo 220 hello' 2>/dev/null & a=$!; sleep 0.7; n='s/([0-9.]*s latency)//;s/ in [0-9.]* seconds//;/^Starting/d'
nmap -n -Pn -sT -p 28500-28505 127.0.0.1 | sed "$n"; nmap -n -sT -p 28502-28503 ::1 -6 | sed "$n"; nmap -n -sn 127.0.0.1-2 | sed "$n"; kill $a; wait $a

#@ socat-tls needs=socat,openssl timeout=30
openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 -subj /CN=localhost 2>/dev/null; cat k c >pem; seq 200000 >big
socat -d0 OPENSSL-LISTEN:28506,bind=127.0.0.1,reuseaddr,cert=pem,verify=0 PIPE & a=$!; sleep 1; socat -d0 -t 5 - OPENSSL:127.0.0.1:28506,cafile=c,commonname=localhost <big | cmp - big && echo same; wait $a; echo $?
socat -d0 -u UDP6-RECVFROM:28507,bind=[::1] OPEN:got,creat & a=$!; sleep 0.5; echo datagram | socat -d0 -u - UDP6-SENDTO:[::1]:28507; wait $a; cat got; socat -d0 -u ABSTRACT-RECV:none /dev/null & a=$!; sleep 0.5; kill $a; wait $a
socat -d0 UNIX-LISTEN:s,fork EXEC:'tr a-z A-Z',pipes & a=$!; sleep 0.5; echo shout | socat -d0 -t 3 - UNIX:s; kill $a; wait $a; echo $?; socat -d0 - TCP:127.0.0.1:1 2>&1 | sed 's/.* [EW] //'; socat -d0 -T 1 TCP-LISTEN:28508,bind=127.0.0.1,reuseaddr - </dev/null & a=$!; sleep 0.5; socat -d0 -u -t 2 TCP:127.0.0.1:28508,linger=0 - </dev/null; wait $a; echo $?

#@ wget needs=wget,python3 timeout=30
mkdir -p w/a/b; seq 50000 >w/a/b/big; echo '<a href="a/b/big">x</a>' >w/index.html; python3 -m http.server 28509 --bind 127.0.0.1 -d w >log 2>&1 & s=$!; for i in $(seq 50); do wget -q -O /dev/null http://127.0.0.1:28509/ && break; sleep 0.2; done
wget -q -O - http://127.0.0.1:28509/; wget -q -r -np -nH -P got http://127.0.0.1:28509/ && find got -type f | sort; cmp got/a/b/big w/a/b/big && echo same; wget -q -O x http://127.0.0.1:28509/none; echo $?; wget -q -t 1 -T 2 -O x http://127.0.0.1:1/; echo $?; kill $s; wait $s; echo $?
