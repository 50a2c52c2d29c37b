#!/bin/bash
# servers.sh NAME: a server and a client that loads it, both in this system, on the loopback; lines "name<TAB>value<TAB>unit" each.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
work=$(mktemp -d /dev/shm/servers.XXXXXX)
cd "$work" || exit 1
trap 'cd /; rm -rf "$work"' EXIT
exec </dev/null

# until COMMAND...: it succeeds, within some seconds.
until_up() {
  for ((i = 0; i < 100; i++)); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  exit 1
}

web_files() {
  mkdir w
  head -c 1000 /dev/zero | tr '\0' x >w/1k
  head -c 1000000 /dev/zero | tr '\0' x >w/1m
  openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost 2>/dev/null
  chmod -R a+rX .
}

# rate NAME OPTIONS... URL: requests a second, by ab. URLs of big files are counted in MB.
with_ab() {
  local name=$1
  shift
  ab -q "$@" >out || return
  case ${*: -1} in
    *1m) awk -v n="$name" '/^Transfer rate/ {printf "%s\t%.1f\tMB/s\n", n, $3 / 1000}' out ;;
    *) awk -v n="$name" '/^Requests per second/ {printf "%s\t%s\treq/s\n", n, $4}' out ;;
  esac
}

web() {
  local plain=http://127.0.0.1:$2 tls=https://127.0.0.1:$3
  until_up curl -sf $plain/1k
  with_ab "$1 ab 1 kB, keep-alive" -k -n 20000 -c 16 $plain/1k
  with_ab "$1 ab 1 kB" -n 5000 -c 16 $plain/1k
  with_ab "$1 ab 1 MB, keep-alive" -k -n 500 -c 8 $plain/1m
  with_ab "$1 ab 1 kB, TLS, keep-alive" -k -n 5000 -c 16 $tls/1k
  with_ab "$1 ab 1 MB, TLS, keep-alive" -k -n 200 -c 8 $tls/1m
  if command -v wrk >/dev/null; then
    wrk -t 1 -c 16 -d 2s $plain/1k | awk -v n="$1 wrk 1 kB, keep-alive" '/^Requests\/sec/ {printf "%s\t%s\treq/s\n", n, $2}'
  fi
}

redis() {
  redis-server --port 28520 --save '' --appendonly no >log 2>&1 &
  until_up redis-cli -p 28520 ping
  for pipeline in 1 16; do
    redis-benchmark -p 28520 -q --csv -n $((pipeline == 1 ? 40000 : 200000)) -P $pipeline -t ping_mbulk,set,get |
      awk -F'"' -v p=$pipeline 'NR > 1 {printf "redis -P %d %s\t%s\treq/s\n", p, $2, $4}'
  done
  redis-cli -p 28520 shutdown nosave
}

nginx() {
  web_files
  cat >conf <<E
worker_processes 1; daemon off; error_log $work/log; pid $work/pid; events { worker_connections 256; }
http { access_log off; sendfile on; keepalive_requests 10000000;
client_body_temp_path $work/1; proxy_temp_path $work/2; fastcgi_temp_path $work/3; uwsgi_temp_path $work/4; scgi_temp_path $work/5;
server { listen 127.0.0.1:28521; listen 127.0.0.1:28522 ssl; ssl_certificate cert; ssl_certificate_key key; root $work/w; } }
E
  command nginx -c "$work/conf" -p "$work" &
  web nginx 28521 28522
  kill -QUIT $!
}

apache() {
  local m=/usr/lib/apache2/modules
  web_files
  cat >conf <<E
ServerRoot $work
ServerName localhost
PidFile $work/pid
ErrorLog $work/log
Mutex file:$work default
Listen 127.0.0.1:28523
Listen 127.0.0.1:28524
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule ssl_module $m/mod_ssl.so
DocumentRoot $work/w
KeepAlive On
MaxKeepAliveRequests 0
<VirtualHost 127.0.0.1:28524>
SSLEngine on
SSLCertificateFile $work/cert
SSLCertificateKeyFile $work/key
</VirtualHost>
E
  [ "$(id -u)" = 0 ] && printf 'User www-data\nGroup www-data\n' >>conf
  apache2 -f "$work/conf" -DFOREGROUND &
  web apache 28523 28524
  kill -TERM $!
}

iperf() {
  iperf3 -s -1 -B 127.0.0.1 -p 28526 >log &
  sleep 0.5
  iperf3 -c 127.0.0.1 -p 28526 -t 2 -f m | awk '/receiver/ {printf "iperf3 TCP\t%.3f\tGB/s\n", $7 / 8000}'
  wait $!
}

needs() {
  case $1 in
    redis) echo redis-server redis-benchmark ;;
    nginx) echo nginx ab curl openssl ;;
    apache) echo apache2 ab curl openssl ;;
    iperf) echo iperf3 ;;
  esac
}

for program in $(needs "$1"); do
  command -v $program >/dev/null && continue
  echo "$1: $program is not installed" >&2
  exit 0
done
"$1"
wait
