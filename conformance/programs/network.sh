# Servers and clients on the loopback. Ports are fixed, far from what else runs.

#@ http needs=python3,curl quick
mkdir w; seq 100000 > w/big; echo hello > w/small; python3 -m http.server 28471 --bind 127.0.0.1 -d w >log 2>&1 & s=$!
for i in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:28471/ && break; sleep 0.1; done
curl -s http://127.0.0.1:28471/small; curl -s http://127.0.0.1:28471/big | cmp - w/big && echo same; curl -s -o /dev/null -w '%{http_code} %{size_download} %{remote_ip}\n' http://127.0.0.1:28471/none; curl -sI http://127.0.0.1:28471/small | grep -i length; curl -s --max-time 5 http://127.0.0.1:28472/; echo $?; kill $s; wait $s; echo $?

#@ asyncio needs=python3 quick
python3 - <<'E'
import asyncio, socket, selectors, threading, urllib.request, http.server, socketserver
async def main():
    async def h(r, w):
        while d := await r.read(65536): w.write(d); await w.drain()
        w.close()
    s = await asyncio.start_server(h, '127.0.0.1', 0)
    p = s.sockets[0].getsockname()[1]
    async def one(n):
        r, w = await asyncio.open_connection('127.0.0.1', p)
        data = bytes([n]) * 100000 * n
        async def send(): w.write(data); await w.drain(); w.write_eof()
        _, back = await asyncio.gather(send(), r.read())
        w.close(); return back == data
    print(await asyncio.gather(*map(one, range(1, 9))))
    try: await asyncio.open_connection('127.0.0.1', 1)
    except ConnectionRefusedError as e: print(e.errno)
    try: await asyncio.wait_for(asyncio.open_connection('127.0.0.1', p), 5)
    finally: s.close()
    loop = asyncio.get_running_loop(); got = loop.create_future()
    class P(asyncio.DatagramProtocol):
        def datagram_received(self, d, a): got.set_result(d)
    t, _ = await loop.create_datagram_endpoint(P, local_addr=('127.0.0.1', 0))
    u, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=t.get_extra_info('sockname'))
    u.sendto(b'datagram'); print(await got); t.close(); u.close()
asyncio.run(main())
h = socketserver.ThreadingTCPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler); h.RequestHandlerClass.log_message = lambda *a: None
threading.Thread(target=h.serve_forever, daemon=True).start()
print([urllib.request.urlopen('http://127.0.0.1:%d/' % h.server_address[1]).status for _ in range(5)]); h.shutdown()
print(socket.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM)); print('lo' in [n for _, n in socket.if_nameindex()]); print(socket.create_server(('::1', 0), family=socket.AF_INET6).getsockname()[0])
E

#@ node needs=node timeout=60
cat > s.js <<'E'
const http = require('http'), net = require('net'), dgram = require('dgram');
const s = http.createServer((q, a) => { let n = 0; q.on('data', (d) => (n += d.length)); q.on('end', () => a.end(`${q.method} ${n}`)); });
s.listen(0, '127.0.0.1', async () => {
  const { port } = s.address();
  console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text());
  console.log(await (await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: Buffer.alloc(5000000) })).text());
  console.log((await Promise.all(Array.from({ length: 50 }, () => fetch(`http://127.0.0.1:${port}/`).then((r) => r.status)))).join(''));
  s.close(); s.closeAllConnections();
  net.connect(1, '127.0.0.1').on('error', (e) => console.log(e.code));
  const u = dgram.createSocket('udp4'); u.bind(0, '127.0.0.1', () => { u.on('message', (m) => { console.log(String(m)); u.close(); }); u.send('to myself', u.address().port, '127.0.0.1'); });
});
E
node s.js

#@ redis needs=redis-server,redis-cli timeout=60
redis-server --port 28479 --save '' --appendonly no >log 2>&1 & s=$!
c="redis-cli -p 28479"; for i in $(seq 50); do $c ping >/dev/null 2>&1 && break; sleep 0.1; done
$c ping; $c set k v; $c get k; $c incr n; $c incrby n 41; $c lpush l a b c; $c lrange l 0 -1; $c hset h f 1 g 2; $c hgetall h; for i in $(seq 200); do echo "set key$i value$i"; done | $c | sort | uniq -c; $c dbsize; $c eval 'return redis.call("get","k")' 0; (echo subscribe; ) >/dev/null; redis-benchmark -p 28479 -q -n 2000 -c 10 -t set,get,lpush 2>&1 | tr '\r' '\n' | grep -c 'requests per second'; $c shutdown nosave; wait $s; echo $?

#@ nginx needs=nginx,curl,ab timeout=60
mkdir -p n/w; seq 100000 > n/w/big; echo hello > n/w/i; chmod -R a+rX . 
cat > n/c <<E
worker_processes 2; daemon off; error_log $PWD/n/e; pid $PWD/n/pid; events { worker_connections 256; }
http { access_log off; client_body_temp_path $PWD/n/1; proxy_temp_path $PWD/n/2; fastcgi_temp_path $PWD/n/3; uwsgi_temp_path $PWD/n/4; scgi_temp_path $PWD/n/5;
server { listen 127.0.0.1:28480; listen [::1]:28480; root $PWD/n/w; location /p { proxy_pass http://127.0.0.1:28480/; } } }
E
nginx -c $PWD/n/c -p $PWD/n & s=$!
for i in $(seq 50); do curl -s -o /dev/null http://127.0.0.1:28480/i && break; sleep 0.1; done
curl -s http://127.0.0.1:28480/i; curl -s http://[::1]:28480/i; curl -s http://127.0.0.1:28480/big | cmp - n/w/big && echo same; curl -s -r 10-19 http://127.0.0.1:28480/big | od -c | head -2; curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:28480/none; ab -q -k -n 500 -c 10 http://127.0.0.1:28480/i | grep -E '^(Complete|Failed|Non-2xx)'; ab -q -n 200 -c 5 http://127.0.0.1:28480/big | grep -E '^(Complete|Failed)'; kill -QUIT $s; wait $s; echo $?

#@ memcached-socat needs=memcached,socat
memcached -u root -l 127.0.0.1 -p 28481 & m=$!; sleep 0.7; printf 'set a 0 0 3\r\nabc\r\nget a\r\nincr n 1\r\ndelete a\r\nget a\r\nquit\r\n' | socat -t 2 - TCP:127.0.0.1:28481; kill $m; wait $m
socat TCP-LISTEN:28482,reuseaddr,fork,bind=127.0.0.1 EXEC:cat 2>/dev/null & s=$!; sleep 0.7; echo tcp | socat -t 2 - TCP:127.0.0.1:28482; kill $s; wait $s

#@ ping needs=ping,ip quick
ping -c 2 -i 0.2 127.0.0.1 | sed 's/time=[0-9.]*/time=/;s/time [0-9]*ms/time/;/^rtt/d'; ping -c 1 -s 5000 127.0.0.1 | grep -c '5008 bytes'; ping -c 1 ::1 | grep -c '64 bytes from ::1'; ip -o -4 addr show lo | cut -d' ' -f2-7; ip link show lo | head -1; ip route get 127.0.0.1 | head -1; ip rule; cat /proc/net/route | head -1; grep -c lo: /proc/net/dev

#@ netns needs=ip,ping,python3,unshare timeout=40
# In a namespace of its own: names in /run are neither seen nor made.
cat > s <<'E'
mount -t tmpfs none /run; ip netns add a; ip netns add b; ip netns list | sort; ip link add v1 netns a type veth peer name v2 netns b
ip -n a addr add 10.5.0.1/24 dev v1; ip -n b addr add 10.5.0.2/24 dev v2; ip -n a link set v1 up; ip -n b link set v2 up; ip -n a link set lo up; sleep 0.2; ip -n a -4 -br a; ip -n a r
ip netns exec a ping -c 2 -i 0.2 10.5.0.2 | grep received | cut -d, -f1-3; ip netns exec b ping -c 1 -W 1 10.5.0.3 >/dev/null; echo $?
ip netns exec b python3 -c 'import socket; s = socket.create_server(("", 99)); open("up", "w"); c, _ = s.accept(); c.sendall(b"hi from b"); c.close()' &
for i in $(seq 100); do [ -e up ] && break; sleep 0.05; done
ip netns exec a python3 -c 'import socket; s = socket.create_connection(("10.5.0.2", 99), 10); print(s.recv(100))'; wait
ip netns exec a ls /sys/class/net; ip netns exec a cat /proc/net/route | cut -f1-4; ip -n a -o link show v1 | grep -o 'v1@if[0-9]*.*UP>'; ip link add x1 type veth peer name x2; ip link set x2 netns b; ip -o link show x1 | grep -o 'x1@if.*M.*>'; ip -n b -o link | wc -l
ip -n b link add x2 type veth peer name x3; echo $?; ip link add x1 type nonsense; echo $?; ip link set lo netns b; echo $?; ip -n b link del x2; ip -o link | wc -l
python3 -c 'import os, socket; f = os.open("/run/netns/a", os.O_RDONLY); os.setns(f, 0); s = socket.socket(); s.bind(("10.5.0.1", 0)); print(len(socket.if_nameindex()))'
ip netns del a; for i in $(seq 100); do [ $(ip -n b -o link | wc -l) = 1 ] && break; sleep 0.05; done; ip -n b -br link | cut -d' ' -f1; ip netns list; unshare -n ip -o link | wc -l
E
unshare -nm --propagation private bash s 2>&1; unshare -Urn sh -c 'ip link set lo up; ip -br -4 a; ping -c 1 127.0.0.1 | grep -c "bytes from"; cat /proc/net/tcp | wc -l'

#@ iptables needs=iptables-legacy,ip6tables-legacy,unshare quick
cat > s <<'E'
mount -t tmpfs none /run; iptables-legacy -L -n; iptables-legacy -t nat -S; iptables-legacy -t mangle -S; iptables-legacy -t nonsense -S 2>/dev/null; echo $?
iptables-legacy -A INPUT -p tcp --dport 99 -m comment --comment hello -j DROP; iptables-legacy -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT; iptables-legacy -I INPUT 1 -i lo -j ACCEPT; iptables-legacy -A INPUT ! -s 10.0.0.0/8 -p udp --sport 1:53 ! --dport 7 -j REJECT --reject-with icmp-host-prohibited
iptables-legacy -N mine; iptables-legacy -N other; iptables-legacy -A FORWARD -j mine; iptables-legacy -A mine -p icmp --icmp-type echo-request -m conntrack --ctstate NEW -j RETURN; iptables-legacy -A mine -p tcp --tcp-flags SYN,RST SYN -m multiport --dports 1,5:9 -g other; iptables-legacy -A mine -p tcp -m multiport ! --ports 1,5:9 -g other; iptables-legacy -P FORWARD DROP
iptables-legacy -t nat -A POSTROUTING -o eth+ -j MASQUERADE; iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.2:8080; iptables-legacy -t nat -A PREROUTING -p udp --dport 53 -j REDIRECT --to-ports 5353; iptables-legacy -t nat -A POSTROUTING -s 10.1.0.0/16 -j SNAT --to-source 192.0.2.1-192.0.2.4; iptables-legacy -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j ACCEPT
iptables-legacy -t mangle -A PREROUTING -m mark --mark 1/3 -j MARK --set-mark 7; iptables-legacy -S; iptables-legacy -t nat -S; iptables-legacy -t mangle -S; iptables-legacy -L -n -v --line-numbers; iptables-legacy -C INPUT -p tcp --dport 99 -m comment --comment hello -j DROP; echo $?; iptables-legacy -C INPUT -p tcp --dport 98 -j DROP; echo $?
iptables-legacy -D INPUT 1; iptables-legacy -D INPUT -p tcp --dport 99 -m comment --comment hello -j DROP; iptables-legacy -X mine; iptables-legacy -F FORWARD; iptables-legacy -F mine; iptables-legacy -X mine; iptables-legacy -A other -j other; echo $?; iptables-legacy -E other another; iptables-legacy -R INPUT 1 -j ACCEPT; iptables-legacy -A FORWARD -j SNAT --to 1.2.3.4 2>/dev/null; echo $?
iptables-legacy-save | grep -v '^#' > saved; cat saved; iptables-legacy -F; iptables-legacy -t nat -F; iptables-legacy-restore < saved; iptables-legacy-save | grep -v '^#' | cmp - saved && echo restored; cat /proc/net/ip_tables_names
ip6tables-legacy -A INPUT -s fd00::/8 -p tcp --dport 22 -j ACCEPT; ip6tables-legacy -A INPUT -p icmpv6 --icmpv6-type 128 -j DROP; ip6tables-legacy -A OUTPUT -j REJECT; ip6tables-legacy -S; ip6tables-legacy -L -n; cat /proc/net/ip6_tables_names
E
unshare -nm --propagation private bash s 2>&1

#@ nft needs=nft,unshare timeout=60
cat > s <<'E'
mount -t tmpfs none /run; nft list ruleset
nft add table ip t; nft add chain ip t in '{ type filter hook input priority 0; policy accept; }'
nft add rule ip t in tcp dport 80 counter accept
nft add rule ip t in ip saddr 127.0.0.0/8 icmp type echo-request counter drop
nft add set ip t s '{ type ipv4_addr; flags interval; }'
nft add element ip t s '{ 10.0.0.0/8, 192.168.1.1-192.168.1.5, 1.2.3.4 }'
nft add rule ip t in ip saddr @s drop
nft add rule ip t in tcp dport '{ 22, 443, 1000-2000 }' ct state new,established counter accept
nft add map ip t m '{ type inet_service : verdict; }'
nft add chain ip t other
nft add element ip t m '{ 99 : jump other, 100 : drop }'
nft add rule ip t in tcp dport vmap @m
nft add rule ip t other counter return
nft add counter ip t c1
nft add rule ip t other counter name c1 limit rate 10/second log prefix '"hi "' reject
nft list ruleset
nft -a list table ip t
nft delete chain ip t other; echo $?
nft delete rule ip t in handle 99999; echo $?
nft add rule ip t nochain accept
nft list table ip nosuch
nft flush ruleset; nft list ruleset
E
unshare -nm --propagation private bash s 2>&1

#@ iptables-nft needs=iptables-nft,iptables,ip6tables,nft,ip,unshare timeout=60
cat > s <<'E'
mount -t tmpfs none /run; ip link set lo up
iptables -L -n
iptables -A INPUT -p tcp --dport 80 -m conntrack --ctstate NEW -m limit --limit 5/min -j LOG --log-prefix x
iptables -A INPUT -p tcp --dport 81 -j DROP
iptables -I INPUT 1 -p udp --dport 53 -j ACCEPT
iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE
iptables -A OUTPUT -p tcp -m multiport --dports 1,2,3:4 -m owner --uid-owner 5 -j REJECT --reject-with tcp-reset
iptables -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.2:80
iptables -t nat -A OUTPUT -p tcp --dport 8080 -j REDIRECT --to-ports 80
iptables -A FORWARD -m state --state ESTABLISHED,RELATED -m mark --mark 5 -m comment --comment hi -j DROP
iptables -A INPUT -p icmp --icmp-type echo-request -m addrtype --dst-type LOCAL -j ACCEPT
iptables -t mangle -A PREROUTING -j MARK --set-mark 7
iptables -N mychain; iptables -A mychain -s 10.0.0.0/8 -j RETURN; iptables -A INPUT -j mychain
iptables -L -n -v; iptables -t nat -L -n; iptables -t mangle -S; iptables-save -c | grep -v '^#'
iptables -D INPUT -p tcp --dport 81 -j DROP; echo $?
iptables -D INPUT -p tcp --dport 82 -j DROP; echo $?
iptables -P INPUT DROP; iptables -S INPUT; iptables -X mychain; iptables -F; iptables -X mychain; iptables -P INPUT ACCEPT; iptables -S
ip6tables -t nat -A POSTROUTING -j MASQUERADE; ip6tables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination '[fd00::2]:81'; ip6tables -A INPUT -p ipv6-icmp -j ACCEPT; ip6tables-save | grep -v '^#'; ip6tables -A INPUT -p tcp -j REJECT; ip6tables -S
iptables-restore <<X
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:FOO - [0:0]
-A INPUT -j FOO
-A FOO -i lo -j ACCEPT
COMMIT
X
iptables -S; iptables -t raw -A PREROUTING -j CT --notrack; iptables -t raw -S; iptables -A INPUT -m bogus -j DROP; iptables -Z; iptables -L INPUT 1
nft list ruleset
E
unshare -nm --propagation private bash s 2>&1

#@ filter-nft needs=iptables-nft,iptables,ip6tables,nft,ip,ping,python3,unshare timeout=120
# What rules do to packets on the loopback: refused, dropped, counted, limited, translated.
cat > rules.py <<'P'
import socket,sys,errno,threading
def serve(port,fam=socket.AF_INET,addr='127.0.0.1'):
    s=socket.socket(fam); s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEADDR,1); s.bind((addr,port)); s.listen(5)
    def run():
        while True:
            try: c,a=s.accept()
            except OSError: return
            c.sendall(b'port %d'%port); c.close()
    threading.Thread(target=run,daemon=True).start()
serve(8000); serve(8001); serve(8000,socket.AF_INET6,'::1')
def tcp(port,addr='127.0.0.1',fam=socket.AF_INET,wait=10):
    s=socket.socket(fam); s.settimeout(wait)
    try:
        s.connect((addr,port)); return s.recv(100).decode(), s.getpeername()[1]
    except socket.timeout: return 'timeout'
    except OSError as e: return errno.errorcode.get(e.errno,e.errno)
    finally: s.close()
def udp(port,addr='127.0.0.1',fam=socket.AF_INET):
    s=socket.socket(fam,socket.SOCK_DGRAM); s.settimeout(10)
    try:
        s.connect((addr,port)); s.send(b'x'); return s.recv(100)
    except socket.timeout: return 'timeout'
    except OSError as e: return errno.errorcode.get(e.errno,e.errno)
import subprocess
def sh(c): 
    r=subprocess.run(c,shell=True,capture_output=True,text=True); 
    if r.stdout or r.stderr: print(r.stdout+r.stderr,end='')
print(tcp(8000),tcp(9000),tcp(8000,'::1',socket.AF_INET6))
sh('iptables -t nat -A OUTPUT -p tcp --dport 9000 -j REDIRECT --to-ports 8001')
print('redirect',tcp(9000))
sh('iptables -t nat -A OUTPUT -p tcp --dport 9001 -d 10.9.9.9 -j DNAT --to-destination 127.0.0.1:8000')
sh('ip addr add 10.9.0.1/16 dev lo')
print('dnat',tcp(9001,'10.9.9.9'))
sh('ip6tables -t nat -A OUTPUT -p tcp --dport 9000 -j REDIRECT --to-ports 8000')
print('redirect6',tcp(9000,'::1',socket.AF_INET6))
sh('ip6tables -t nat -A OUTPUT -p tcp --dport 9001 -j DNAT --to-destination [::1]:8000')
print('dnat6',tcp(9001,'::1',socket.AF_INET6))
sh('iptables -A INPUT -p tcp --dport 8000 -j REJECT')
print('reject',tcp(8000))
sh('iptables -R INPUT 1 -p tcp --dport 8000 -j REJECT --reject-with tcp-reset')
print('reset',tcp(8000))
sh('iptables -R INPUT 1 -p tcp --dport 8000 -j REJECT --reject-with icmp-host-prohibited')
print('prohibited',tcp(8000))
sh('iptables -R INPUT 1 -p tcp --dport 8000 -j DROP')
print('drop',tcp(8000,wait=0.5))
sh('iptables -R INPUT 1 -p udp --dport 53 -j REJECT --reject-with icmp-admin-prohibited')
print('udp',udp(53),udp(54))
sh('iptables -F; iptables -A OUTPUT -m owner --uid-owner 0 -p tcp --dport 8000 -j REJECT')
print('owner',tcp(8000),tcp(8001))
sh('iptables -F; iptables -A OUTPUT -p udp -j DROP')
print('drop out',udp(54))
sh('iptables -F; ip6tables -A INPUT -p tcp --dport 8000 -j REJECT --reject-with icmp6-addr-unreachable')
print('reject6',tcp(8000,'::1',socket.AF_INET6))
sh('ip6tables -F')
sh('nft add table inet f; nft add chain inet f in "{ type filter hook input priority 0; policy accept; }"')
sh('nft add set inet f bad "{ type inet_service; flags interval; }"; nft add element inet f bad "{ 7990-8000, 53 }"')
sh('nft add rule inet f in tcp dport @bad counter reject with tcp reset; nft add rule inet f in udp dport @bad counter reject')
print('nft',tcp(8000),tcp(8001),udp(53),tcp(8000,'::1',socket.AF_INET6),udp(53,'::1',socket.AF_INET6))
sh('nft delete element inet f bad "{ 7990-8000 }"'); print(tcp(8000))
sh('nft flush chain inet f in; nft add rule inet f in ct state vmap "{ established : accept, related : accept, new : continue, invalid : drop }"')
sh('nft add rule inet f in iifname lo tcp dport vmap "{ 8000 : drop, 8001 : accept }"; nft add rule inet f in meta l4proto tcp counter')
print('vmap',tcp(8000,wait=0.5),tcp(8001))
sh('nft add set inet f seen "{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1h; }"')
sh('nft insert rule inet f in ip protocol udp update @seen "{ ip saddr . udp dport counter }"')
print(udp(77),udp(77),udp(78))
sh("nft list set inet f seen | sed 's/expires [0-9a-z]*//'")
sh('nft flush ruleset; nft add table ip n; nft add chain ip n o "{ type nat hook output priority -100; }"; nft add map ip n m "{ type inet_service : ipv4_addr . inet_service; }"; nft add element ip n m "{ 7000 : 127.0.0.1 . 8000, 7001 : 127.0.0.1 . 8001 }"; nft add rule ip n o dnat ip to tcp dport map @m')
print('map',tcp(7000),tcp(7001),tcp(7002))
sh('nft flush ruleset; nft add table ip n; nft add chain ip n i "{ type filter hook input priority 0; }"; nft add rule ip n i icmp type echo-request limit rate 2/minute burst 2 packets accept; nft add rule ip n i icmp type echo-request counter drop')
sh('ping -c 4 -i 0.01 -W 1 127.0.0.1 | grep loss | sed s/time.*//'); sh('nft list chain ip n i')
sh('nft flush ruleset; nft add table ip n; nft add chain ip n p "{ type filter hook prerouting priority raw; }"; nft add rule ip n p udp dport 53 notrack; nft add chain ip n i "{ type filter hook input priority 0; }"; nft add rule ip n i ct state untracked counter; nft add rule ip n i ct state new counter; nft add rule ip n i ct state related counter;nft add rule ip n i ct state invalid counter')
print(udp(53),udp(54)); sh('nft list chain ip n i')
sh('nft flush ruleset; nft add table ip n; nft add chain ip n i "{ type filter hook input priority 0; policy drop; }"; nft add rule ip n i iifname "lo" tcp dport 8001 ip ttl 64 tcp flags syn counter accept; nft add rule ip n i ct state established,related accept; nft add rule ip n i meta skuid 0 counter; nft add rule ip n i fib daddr type local counter; nft add rule ip n i tcp option maxseg size 1-65535 counter; nft add rule ip n i tcp option sack-perm exists counter;nft add rule ip n i "ip daddr & 255.0.0.255 == 127.0.0.1" counter;nft add rule ip n i numgen inc mod 2 0 counter; nft add rule ip n i meta length 60 meta pkttype host meta protocol ip counter; nft add rule ip n i "jump { counter; accept; }"')
print(tcp(8001),tcp(8000)); sh('nft list chain ip n i')
sh("nft flush ruleset; nft -f - <<X\ntable inet q {\n counter one { }; quota q1 { over 100 bytes; }\n set pairs { type ipv4_addr . inet_service; flags interval; elements = { 127.0.0.0/8 . 7000-7010, 10.0.0.1 . 5 }; }\n chain pre { type nat hook output priority dstnat; tcp dport 7100 redirect to :8001; }\n chain in { type filter hook input priority 0; policy accept; ip saddr . tcp dport @pairs counter name one reject with tcp reset; udp dport 9 quota name q1 drop; }\n}\nX")
print('file',tcp(7005),tcp(7011),tcp(7100),udp(9))
sh('nft list counters; nft reset counters; nft list counters; nft list quotas; nft delete counter inet q one; echo bad | nft -f -; nft add rule inet q in jump in; nft add chain inet q a; nft add chain inet q b; nft add rule inet q a jump b; nft add rule inet q b jump a; nft add rule inet q in jump a; nft add rule inet q in snat ip to 1.2.3.4; nft rename chain inet q a c; nft destroy table inet nosuch; nft add table inet q "{ flags dormant; }"; nft list chains; nft insert rule inet q in position 99 accept; nft add element inet q pairs "{ 127.0.0.1 . 7001 }"; nft get element inet q pairs "{ 127.0.0.1 . 7001 }"; nft delete set inet q pairs')
print('dormant',tcp(7005))
P
cat > s <<'E'
mount -t tmpfs none /run; ip link set lo up; python3 rules.py
E
unshare -nm --propagation private bash s 2>&1

#@ filter needs=iptables-legacy,ip6tables-legacy,ip,ping,python3,unshare timeout=60
# A router between two hosts: what is dropped, refused, counted and translated.
cat > echo.py <<'E'
import socket, sys, threading
s = socket.create_server(('', int(sys.argv[1]))); u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('', int(sys.argv[1]))); open(sys.argv[2], 'w')
def udp():
    while True: d, w = u.recvfrom(9000); u.sendto(w[0].encode() + b' ' + str(len(d)).encode(), w)
threading.Thread(target=udp, daemon=True).start()
while True: c, w = s.accept(); c.sendall(w[0].encode() + b' ' + str(len(c.recv(100))).encode()); c.close()
E
cat > try.py <<'E'
import socket, sys
kind, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM); s.settimeout(float(sys.argv[4]) if len(sys.argv) > 4 else 10); s.connect((host, port)); s.sendall(b'x' * (90 if kind == 'tcp' else 3000)); print(kind, host, port, s.recv(100).decode(), s.getpeername()[1])
except OSError as e: print(kind, host, port, type(e).__name__)
E
cat > s <<'E'
mount -t tmpfs none /run; for n in a r b; do ip netns add $n; ip -n $n link set lo up; done
ip link add e netns a type veth peer name ea netns r; ip link add e netns b type veth peer name eb netns r
ip -n a addr add 10.1.0.2/24 dev e; ip -n r addr add 10.1.0.1/24 dev ea; ip -n b addr add 10.2.0.2/24 dev e; ip -n r addr add 10.2.0.1/24 dev eb
for l in 'a e' 'b e' 'r ea' 'r eb'; do set -- $l; ip -n $1 link set $2 up; done; ip -n a route add default via 10.1.0.1; ip -n b route add default via 10.2.0.1
ip netns exec r sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'; r='ip netns exec r iptables-legacy'; a='ip netns exec a'; b='ip netns exec b'
$b python3 echo.py 8080 up & eb=$!; ip netns exec r python3 echo.py 5000 upr & er=$!; for i in $(seq 400); do [ -e up -a -e upr ] && break; sleep 0.05; done
$a python3 try.py tcp 10.2.0.2 8080; $a python3 try.py udp 10.2.0.2 8080; $a ping -c 1 -W 5 10.2.0.2 | grep -c '64 bytes'
$r -P FORWARD DROP; $a ping -c 1 -W 1 10.2.0.2 >/dev/null; echo $?; $a python3 try.py tcp 10.2.0.2 8080 0.5
$r -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT; $r -A FORWARD -i ea -p tcp --syn --dport 8080 -m state --state NEW -j ACCEPT; $r -A FORWARD -i ea -p udp -j ACCEPT; $r -A FORWARD -p icmp --icmp-type 8 -j REJECT --reject-with icmp-admin-prohibited; $r -A FORWARD -p tcp --dport 81 -j REJECT --reject-with tcp-reset; $r -A FORWARD -p tcp --dport 82 -j REJECT
$a python3 try.py tcp 10.2.0.2 8080; $a python3 try.py udp 10.2.0.2 8080; $a ping -c 1 -W 5 10.2.0.2 | grep -ci filtered; $a python3 try.py tcp 10.2.0.2 81; $a python3 try.py tcp 10.2.0.2 82; $b python3 try.py tcp 10.1.0.2 8080 0.5
$r -t nat -A POSTROUTING -o eb -j MASQUERADE; $r -t nat -A PREROUTING -i ea -p tcp --dport 80 -j DNAT --to-destination 10.2.0.2:8080; $r -t nat -A PREROUTING -i ea -p udp --dport 53 -j REDIRECT --to-ports 5000; $r -t nat -A OUTPUT -p tcp --dport 7777 -j DNAT --to-destination 10.2.0.2:8080; $r -t nat -A OUTPUT -p tcp --dport 7778 -j REDIRECT --to-ports 5000
$a python3 try.py tcp 10.2.0.2 8080; $a python3 try.py udp 10.2.0.2 8080; $a python3 try.py tcp 10.1.0.1 80; $a python3 try.py tcp 192.0.2.9 80; $a python3 try.py udp 10.1.0.1 53; ip netns exec r python3 try.py tcp 10.2.0.9 7777; ip netns exec r python3 try.py tcp 10.2.0.9 7778; ip netns exec r python3 try.py tcp 127.0.0.1 7778
$r -t nat -F POSTROUTING; $r -t nat -A POSTROUTING -p tcp -o eb -j SNAT --to-source 10.2.0.1:4000-4010; $a python3 try.py tcp 10.2.0.2 8080; $r -I FORWARD 1 -p icmp -j ACCEPT; $a ping -c 2 -i 0.2 -W 5 10.2.0.2 | grep -c '64 bytes'
$r -A OUTPUT -p udp --dport 6 -j DROP; ip netns exec r python3 try.py udp 10.2.0.2 6; $r -L FORWARD -n -v -x | awk 'NR > 2 {print ($1 > 0), $3}'; $r -Z; $r -L FORWARD -n -v -x | awk 'NR > 2 {print $1, $2, $3}'; $a ping -c 3 -i 0.2 -s 100 -W 5 10.2.0.2 >/dev/null; $r -L FORWARD -n -v -x | awk 'NR == 3 {print $1, $2, $3}'
ip netns exec a ip6tables-legacy -A INPUT -p tcp --dport 9 -j REJECT; $a python3 -c 'import socket
try: socket.create_connection(("::1", 9), 10)
except OSError as e: print(e.errno)'
kill $eb $er; wait 2>/dev/null
E
unshare -nm --propagation private bash s 2>&1
