# What runtimes are used for: servers, package managers, test runners. $PROJECT is this repository, where it lies in the tree.

#@ node-cluster needs=node timeout=60
cat > c.js <<'J'
const cluster = require('cluster'), http = require('http');
if (cluster.isPrimary) {
  let up = 0; const seen = {}; const pids = new Set(); const workers = [1, 2, 3].map(() => cluster.fork());
  cluster.on('listening', async (w, a) => { if (++up < 3) return;
    const get = () => new Promise((r, e) => http.get({ port: a.port, agent: false }, (m) => { let s = ''; m.on('data', (d) => (s += d)); m.on('end', () => r(s)); }).on('error', e));
    for (let i = 0; i < 30; i++) { const [id, pid] = (await get()).split(' '); seen[id] = (seen[id] ?? 0) + 1; pids.add(pid); }
    console.log(seen, pids.size, !pids.has(String(process.pid)));
    workers[0].on('exit', (code, signal) => { console.log('killed', code, signal); for (const w of workers.slice(1)) w.disconnect(); });
    workers[0].process.kill('SIGKILL'); });
  let gone = 0; cluster.on('exit', (w) => { if (++gone === 3) console.log('all gone', Object.keys(cluster.workers).length); });
} else http.createServer((q, s) => s.end(`${cluster.worker.id} ${process.pid}`)).listen(0, '127.0.0.1');
J
node c.js

#@ npm-ci needs=node,npm timeout=120
export npm_config_cache=$PWD/cache npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false npm_config_logs_max=0
for p in left right; do mkdir -p src/$p; echo "module.exports = (x) => '$p(' + x + ')'" > src/$p/index.js; done
echo '{"name":"left","version":"1.2.3","bin":{"leftist":"bin.js"},"scripts":{"postinstall":"node -e \"require(`fs`).writeFileSync(`made`,`by postinstall`)\""}}' > src/left/package.json
printf '#!/usr/bin/env node\nconsole.log(require("left")("bin"))\n' > src/left/bin.js
echo '{"name":"right","version":"0.4.0","dependencies":{"left":"^1.0.0"}}' > src/right/package.json
for p in left right; do (cd src/$p && npm pack -s --pack-destination ../..); done; ls *.tgz
cat > registry.js <<'J'
const fs = require('fs'), http = require('http'), crypto = require('crypto');
http.createServer((q, s) => {
  const name = q.url.slice(1); if (name.endsWith('.tgz')) return fs.createReadStream(name).pipe(s);
  const file = fs.readdirSync('.').find((f) => f.startsWith(`${name}-`) && f.endsWith('.tgz')); if (!file) { s.statusCode = 404; return s.end('{}'); }
  const m = JSON.parse(fs.readFileSync(`src/${name}/package.json`)); const integrity = `sha512-${crypto.createHash('sha512').update(fs.readFileSync(file)).digest('base64')}`;
  s.setHeader('content-type', 'application/json'); s.end(JSON.stringify({ name, 'dist-tags': { latest: m.version }, versions: { [m.version]: { ...m, hasInstallScript: !!m.scripts, dist: { tarball: `http://${q.headers.host}/${file}`, integrity } } } }));
}).listen(0, '127.0.0.1', function () { fs.writeFileSync('port', String(this.address().port)); });
J
node registry.js & until [ -s port ]; do sleep 0.05; done; export npm_config_registry=http://127.0.0.1:$(cat port)/
mkdir app; cd app; echo '{"name":"app","version":"1.0.0","private":true,"dependencies":{"right":"*"},"scripts":{"start":"leftist && node main.js"}}' > package.json; echo 'console.log(require("right")(require("left")(1)))' > main.js
npm install -s; echo $?; find node_modules -type f -o -type l | sort; cat node_modules/left/made; echo; rm -rf node_modules; npm ci -s; echo $?; npm start -s; npm ls --all; rm -rf node_modules ../cache; npm ci -s; npm run -s start; sed -i 's/sha512-..../sha512-AAAA/' package-lock.json; rm -rf node_modules ../cache; npm ci 2>&1 | grep -c "code EINTEGRITY"; kill %1; wait

#@ npm-ci-project needs=node,npm,$PROJECT/node_modules/.bin/vitest timeout=300
# A registry of the packages this project itself uses; a project over some sixty of them is installed from it, and its tests are run.
export npm_config_cache=$PWD/cache npm_config_update_notifier=false npm_config_fund=false npm_config_audit=false npm_config_logs_max=0
cat > registry.js <<'J'
const fs = require('fs'), http = require('http'), { createHash } = require('crypto'), { execFileSync } = require('child_process');
const found = new Map(), packed = new Map();
const look = (dir, scope = '') => { for (const e of fs.readdirSync(dir, { withFileTypes: true })) {
  if (!e.isDirectory() || e.name.startsWith('.')) continue;
  const path = `${dir}/${e.name}`, name = scope + e.name;
  if (e.name.startsWith('@')) { look(path, `${name}/`); continue; }
  if (!fs.existsSync(`${path}/package.json`)) continue;
  const m = JSON.parse(fs.readFileSync(`${path}/package.json`)); if (!found.has(name)) found.set(name, new Map()); found.get(name).set(m.version, { path, m });
  if (fs.existsSync(`${path}/node_modules`)) look(`${path}/node_modules`); } };
look(`${process.env.PROJECT}/node_modules`);
const pack = (path) => { if (!packed.has(path)) packed.set(path, execFileSync('sh', ['-c', 'tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --exclude=./node_modules --transform "s,^\\.,package," -cf - . | gzip -1n'], { cwd: path, maxBuffer: 1 << 28 })); return packed.get(path); };
http.createServer((q, s) => {
  const [name, version] = decodeURIComponent(q.url.slice(1)).split('?'), versions = found.get(name); if (!versions) { s.statusCode = 404; return s.end('{}'); }
  if (version) return s.end(pack(versions.get(version).path));
  const all = Object.fromEntries([...versions].map(([v, { path, m }]) => [v, { ...m, optionalDependencies: Object.fromEntries(Object.entries(m.optionalDependencies ?? {}).filter(([n]) => found.has(n))), dist: { tarball: `http://${q.headers.host}/${encodeURIComponent(name)}?${v}`, integrity: `sha512-${createHash('sha512').update(pack(path)).digest('base64')}` } }]));
  s.setHeader('content-type', 'application/json'); s.end(JSON.stringify({ name, 'dist-tags': { latest: Object.keys(all).at(-1) }, versions: all }));
}).listen(0, '127.0.0.1', function () { fs.writeFileSync('port', String(this.address().port)); });
J
node registry.js & until [ -s port ]; do sleep 0.05; done; export npm_config_registry=http://127.0.0.1:$(cat port)/
v() { node -p "require('$PROJECT/node_modules/$1/package.json').version"; }; mkdir app; cd app
echo "{\"name\":\"app\",\"version\":\"1.0.0\",\"private\":true,\"type\":\"module\",\"scripts\":{\"test\":\"vitest run\"},\"dependencies\":{\"eventemitter3\":\"$(v eventemitter3)\"},\"devDependencies\":{\"vitest\":\"$(v vitest)\",\"fast-check\":\"$(v fast-check)\"}}" > package.json
cat > a.test.ts <<'J'
import { EventEmitter } from 'eventemitter3'; import fc from 'fast-check'; import { expect, it } from 'vitest';
it('tells listeners', () => { const e = new EventEmitter(); let x = 0; e.on('a', (n: number) => (x += n)); e.emit('a', 3); expect(x).toBe(3); });
it('sorts', () => fc.assert(fc.property(fc.array(fc.integer()), (a) => { const s = [...a].sort((x, y) => x - y); expect(s.every((n, i) => i === 0 || s[i - 1] <= n)).toBe(true); })));
J
sum() { find node_modules -type f ! -name .package-lock.json | sort | xargs sha256sum | sha256sum; find node_modules -type l | sort | xargs -n1 readlink | sha256sum; }
npm install -s; echo $?; sum > ../first; rm -rf node_modules ../cache; npm ci -s; echo $?; sum | cmp - ../first; ls node_modules | wc -l; cat ../first; npm ls | sed 's, /.*,,'; npm test 2>&1 | sed 's/\x1b\[[0-9;]*m//g' | grep -E '^ *(Test Files|Tests) '; rm -rf node_modules; npm ci -s --offline; echo $?; sum | cmp - ../first; kill %1; wait

#@ vitest needs=node,$PROJECT/node_modules/.bin/vitest timeout=120
ln -s "$PROJECT/node_modules" node_modules; echo '{"type":"module"}' > package.json
for i in 1 2 3 4; do cat > t$i.test.ts <<J
import { execFileSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
describe('file $i', () => {
  it.each([1, 2, 3])('sums %i', (n: number) => expect(n + $i).toBe($i + n));
  it('has fake timers', () => { vi.useFakeTimers(); let x = 0; setTimeout(() => x++, 1e6); vi.advanceTimersByTime(1e6); expect(x).toBe(1); vi.useRealTimers(); });
  it('runs programs', () => expect(execFileSync('echo', ['out']).toString()).toBe('out\n'));
  it('fails in one', () => expect($i).not.toBe(3));
});
J
done
for pool in forks threads; do node_modules/.bin/vitest run --pool=$pool --reporter=json --outputFile=$pool.json >/dev/null 2>&1; echo $?; node -p "const r = JSON.parse(fs.readFileSync('$pool.json')); [r.numTotalTests, r.numPassedTests, r.numFailedTests, r.testResults.map((t) => t.status).sort().join()].join(' ')"; done

#@ tomcat needs=java,curl,/usr/share/tomcat10/bin/catalina.sh timeout=180
export CATALINA_HOME=/usr/share/tomcat10 CATALINA_BASE=$PWD/base CATALINA_PID=$PWD/pid JAVA_OPTS=-Xmx256m; mkdir -p base/{logs,temp,work,webapps/ROOT}; cp -rL /etc/tomcat10 base/conf
port=$((20000 + RANDOM % 20000)); sed -i "s/port=\"8080\"/port=\"$port\"/; s/<Server port=\"[-0-9]*\"/<Server port=\"$((port + 1))\"/" base/conf/server.xml
echo '<%@ page session="true" %><% Integer n = (Integer) session.getAttribute("n"); n = n == null ? 1 : n + 1; session.setAttribute("n", n); %>request <%= n %> <%= request.getParameter("q") %>' > base/webapps/ROOT/index.jsp; seq 50000 > base/webapps/ROOT/static.txt
/usr/share/tomcat10/bin/catalina.sh start >/dev/null 2>&1; url=http://127.0.0.1:$port; for i in $(seq 600); do curl -sf -o /dev/null $url/static.txt && break; sleep 0.2; done
curl -s $url/static.txt | md5sum; for i in 1 2 3; do curl -s -b jar -c jar "$url/index.jsp?q=v$i"; done; curl -s -o /dev/null -w '%{http_code}\n' $url/nothing; for i in 1 2 3 4; do (for j in $(seq 20); do curl -s "$url/index.jsp?q=$j"; done | sort | uniq -c | wc -l) & done; wait; curl -s -r 100-199 -w ' %{http_code}\n' -o /dev/null $url/static.txt; curl -s --data-binary @base/webapps/ROOT/static.txt -w '%{http_code}\n' -o /dev/null "$url/index.jsp?q=post"
/usr/share/tomcat10/bin/catalina.sh stop 60 >/dev/null 2>&1; echo $?; grep -c SEVERE base/logs/catalina.out; ls pid 2>&1
