/**
 * Programs as people run them in containers: Debian packages in an image, and a load for each from the host
 * through a published port.
 */
export interface Service {
  /** Debian packages of its image. */
  readonly packages: string;
  /** What the container runs, in a shell. */
  readonly command: string;
  readonly port: number;
  /** Asks it something at `port` of 127.0.0.1: a shell line that fails until the service is ready. */
  readonly probe: (port: number) => string;
  /** Shell lines that load it for about `seconds`; the last prints what was done. */
  readonly load: (port: number, seconds: number) => string;
  /** What came of the load, from its output; null: it was not without an error. */
  readonly result: (output: string) => string | null;
}

const http = (port: number, path = '/') => `http://127.0.0.1:${port}${path}`;

const overHttp = {
  probe: (port: number) => `curl -sf -m 10 -o /dev/null ${http(port)}`,
  load: (port: number, seconds: number) =>
    `timeout ${seconds + 60} wrk -t 1 -c 8 --timeout 30s -d ${seconds}s ${http(port)}`,
  result: (output: string): string | null => {
    if (/Socket errors|Non-2xx/.test(output)) return null;
    const [, requests] = /(\d+) requests in/.exec(output) ?? [];
    return requests === undefined || requests === '0' ? null : `${requests} requests`;
  },
};

/** A command again and again until the time is over; `$n` rounds. */
const rounds = (seconds: number, command: string): string =>
  `end=$(( $(date +%s) + ${seconds} )); n=0; while [ $(date +%s) -lt $end ]; do ${command} || exit 1; n=$((n+1)); done; echo "rounds $n"`;

const roundsOf =
  (unit: number, what: string) =>
  (output: string): string | null => {
    const [, n] = /rounds (\d+)/.exec(output) ?? [];
    return n === undefined || n === '0' ? null : `${Number(n) * unit} ${what}`;
  };

export const SERVICES: Readonly<Record<string, Service>> = {
  redis: {
    packages: 'redis-server redis-tools',
    command: 'exec redis-server --protected-mode no --bind 0.0.0.0 --dir /tmp --save 30 1 --appendonly yes',
    port: 6379,
    probe: (port) => `redis-cli -p ${port} ping | grep -q PONG`,
    load: (port, seconds) =>
      rounds(
        seconds,
        `timeout 300 redis-benchmark -p ${port} -q -c 20 -n 1000 -t set,get,incr,lpush,rpop,sadd,hset,zadd,mset`,
      ),
    result: (output) => (/[Ee]rror/.test(output) ? null : roundsOf(9000, 'commands')(output)),
  },
  nginx: { packages: 'nginx-light', command: "exec nginx -g 'daemon off;'", port: 80, ...overHttp },
  python: {
    packages: 'python3',
    command: 'cd /etc && exec python3 -m http.server 8000',
    port: 8000,
    ...overHttp,
  },
  node: {
    packages: 'nodejs',
    command: `exec node -e "require('http').createServer((q, r) => r.end('hello')).listen(8080).keepAliveTimeout = 0"`,
    port: 8080,
    ...overHttp,
  },
  mariadb: {
    packages: 'mariadb-server mariadb-client',
    command: `mkdir -p /run/mysqld && chown mysql /run/mysqld
      printf '%s\\n' "CREATE USER IF NOT EXISTS t@'%' IDENTIFIED BY 't';" "GRANT ALL ON *.* TO t@'%';" > /tmp/init.sql
      exec mariadbd --user=mysql --bind-address=0.0.0.0 --skip-name-resolve --init-file=/tmp/init.sql`,
    port: 3306,
    probe: (port) => `mariadb --skip-ssl -h 127.0.0.1 -P ${port} -ut -pt -e 'SELECT 1' >/dev/null`,
    load: (port, seconds) =>
      rounds(
        seconds,
        `timeout 300 mariadb-slap --skip-ssl -h 127.0.0.1 -P ${port} -ut -pt -a --auto-generate-sql-load-type=mixed -c 4 --number-of-queries=400`,
      ),
    result: (output) => (/error/i.test(output) ? null : roundsOf(400, 'queries')(output)),
  },
  postgresql: {
    packages: 'postgresql postgresql-contrib',
    command: `cd /etc/postgresql/*/main && echo 'host all all all trust' >> pg_hba.conf && mkdir -p /run/postgresql && chown postgres /run/postgresql
      exec su postgres -c "exec /usr/lib/postgresql/*/bin/postgres -c config_file=$PWD/postgresql.conf -c listen_addresses='*'"`,
    port: 5432,
    probe: (port) => `psql -h 127.0.0.1 -p ${port} -U postgres -c 'SELECT 1' >/dev/null`,
    load: (port, seconds) =>
      `pgbench -h 127.0.0.1 -p ${port} -U postgres -q -i -s 1 postgres && pgbench -h 127.0.0.1 -p ${port} -U postgres -c 4 -T ${seconds} postgres`,
    result: (output) => {
      const [, done] = /transactions actually processed: (\d+)/.exec(output) ?? [];
      const clean = /failed transactions: 0 /.test(output) && !/aborted/.test(output);
      return clean && done !== undefined && done !== '0' ? `${done} transactions` : null;
    },
  },
  tomcat: {
    packages: 'tomcat10 openjdk-21-jre-headless',
    command:
      'export CATALINA_BASE=/var/lib/tomcat10 CATALINA_HOME=/usr/share/tomcat10 JAVA_HOME=/usr/lib/jvm/java-21-openjdk-amd64; exec /usr/share/tomcat10/bin/catalina.sh run',
    port: 8080,
    ...overHttp,
  },
};
