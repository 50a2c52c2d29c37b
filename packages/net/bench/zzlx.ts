import { execFileSync, spawn } from 'node:child_process';
import { connect, NetStack, RealHost, TapLink, ImpairedLink } from '../src/index.js';
import { addInterface } from '../test/support/lan.js';
import { at } from '../test/support/net.js';
const ip = (...a: string[]) => execFileSync('ip', a, { encoding: 'utf8' });
const names: string[] = [];
function ns(tag: string, addr: string) { const n = `tq${process.pid}${tag}`, d = `tq${process.pid % 10000}${tag}`; ip('netns', 'add', n); names.push(n); const link = new TapLink({ name: d }); ip('link', 'set', d, 'netns', n); ip('netns', 'exec', n, 'ip', 'link', 'set', d, 'up'); ip('netns', 'exec', n, 'ip', 'addr', 'add', addr, 'dev', d); execFileSync('ip', ['netns', 'exec', n, 'sysctl', '-qw', 'net.ipv4.tcp_congestion_control=cubic']); return { n, link }; }
const SIZE = Number(process.argv[2] ?? 1_000_000), LOSS = Number(process.argv[3] ?? 0.05), LAT = Number(process.argv[4] ?? 50);
const SINK = `import socket,time\ns=socket.create_server(('0.0.0.0',9000))\nprint('r',flush=True)\nc,_=s.accept()\nt=time.time();n=0\nwhile d:=c.recv(65536): n+=len(d)\nprint(n,time.time()-t,flush=True)`;
const SRC = `import socket\ns=socket.create_connection(('10.8.0.2',9000))\ns.sendall(b'x'*${SIZE})\ns.close()`;
const py = (n: string, code: string) => spawn('ip', ['netns', 'exec', n, 'python3', '-c', code], { stdio: ['ignore', 'pipe', 'inherit'] });
async function sink(n: string) { const p = py(n, SINK); let out = ''; p.stdout!.on('data', (d) => (out += d)); while (!out.includes('r')) await new Promise((r) => setTimeout(r, 20)); return new Promise<string>((res) => { const done = new Promise<void>((r) => p.on('close', () => r())); (async () => { await done; res(out.trim()); })(); queueMicrotask(() => ready?.()); }); }
let ready: (() => void) | undefined;
const imp = () => ({ latency: LAT, loss: LOSS });
const host = () => new RealHost();
async function linux(i: number) {
  const a = ns(`a${i}`, '10.8.0.1/24'), b = ns(`b${i}`, '10.8.0.2/24');
  const bi = new ImpairedLink(b.link, host(), imp(), { latency: LAT });
  a.link.attach({ receive: (p) => bi.send(p) }); bi.attach({ receive: (p) => a.link.send(p) });
  const p = py(b.n, SINK); let out = ''; p.stdout!.on('data', (d) => (out += d)); while (!out.includes('r')) await new Promise((r) => setTimeout(r, 20));
  py(a.n, SRC); await new Promise((r) => p.on('close', r)); return out.trim().split('\n')[1];
}
async function ours(i: number) {
  const b = ns(`c${i}`, '10.8.0.2/24');
  const stack = new NetStack(host()); addInterface(stack, 'eth0', new ImpairedLink(b.link, host(), imp(), { latency: LAT }), '10.8.0.1/24');
  const p = py(b.n, SINK); let out = ''; p.stdout!.on('data', (d) => (out += d)); while (!out.includes('r')) await new Promise((r) => setTimeout(r, 20));
  const s = connect(stack, at('10.8.0.2', 9000)); s.end(Buffer.alloc(SIZE, 120)); s.on('error', (e) => console.log(e));
  await new Promise((r) => p.on('close', r)); const c: any = stack.tcp.shared.counters; return out.trim().split('\n')[1] + ` rtx ${c.RetransSegs} rto ${c.TCPTimeouts} tlp ${c.TCPLossProbes} undo ${c.TCPFullUndo} spur ${c.TCPSpuriousRTOs}`;
}
const keep = setInterval(() => {}, 1000);
const killer = setTimeout(() => { console.log('timeout'); cleanup(); process.exit(1); }, 100_000);
function cleanup() { for (const n of names) try { ip('netns', 'del', n); } catch {} }
const jobs = [linux(1).then((x) => console.log('linux', x)), ours(1).then((x) => console.log('ours ', x)), linux(2).then((x) => console.log('linux', x)), ours(2).then((x) => console.log('ours ', x)), linux(3).then((x) => console.log('linux', x)), ours(3).then((x) => console.log('ours ', x))];
await Promise.all(jobs).catch((e) => console.log(e)); cleanup(); clearTimeout(killer); clearInterval(keep); process.exit(0);
