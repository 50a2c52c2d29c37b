/**
 * `npm start`: a sandbox over this machine's own programs, a dozen of them run in it, and what its embedder
 * sees of them.
 */
import { Kernel, VirtualClock } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

interface Step {
  readonly title: string;
  /** Programs it needs; without them it is passed over. */
  readonly needs?: readonly string[];
  readonly script: string;
}

const STEPS: readonly Step[] = [
  { title: 'A kernel of its own', script: 'uname -snrm; id -un; cat /proc/meminfo | head -1' },
  { title: 'Processes of its own', needs: ['ps'], script: 'sleep 0.1 & ps ax -o pid,ppid,comm' },
  {
    title: "The host's programs and files; what is written stays in memory",
    script: 'echo hello > /etc/tour; cat /etc/tour; rm -r /usr/share/doc; ls /usr/share/doc 2>&1',
  },
  {
    title: 'Pipelines and jobs',
    script: "seq 100000 | sort -R | sort -n | tail -1; trap 'echo a child has ended' CHLD; sleep 0.1 & wait",
  },
  {
    title: 'Many small system calls',
    script: 'find /usr/share -type f | wc -l; tar c /usr/include 2>/dev/null | tar t | wc -l',
  },
  {
    title: 'Python: threads, processes, sqlite',
    needs: ['python3'],
    script: `python3 -c "
import multiprocessing, sqlite3, subprocess, threading
t = threading.Thread(target=lambda: print('thread', sum(range(10**6)))); t.start(); t.join()
print('child', subprocess.check_output(['echo', 'hello']).decode().strip())
print('pool', multiprocessing.get_context('fork').Pool(2).map(abs, [-1, -2, -3]))
print('sqlite', sqlite3.connect(':memory:').execute('select 6 * 7').fetchone())"`,
  },
  { title: 'Perl', needs: ['perl'], script: "perl -e 'print join(q(,), map { $_ ** 2 } 1..10), qq(\\n)'" },
  {
    title: 'A compiler, and what it made',
    needs: ['gcc'],
    script: `cd /tmp; printf '#include <stdio.h>\\nint main(void){puts("compiled inside");}' > h.c; gcc h.c -o h && ./h`,
  },
  {
    title: 'git',
    needs: ['git'],
    script:
      'git init -q /tmp/r; cd /tmp/r; git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first; git log --format=%s',
  },
  { title: 'node in node', needs: ['node'], script: "node -e 'console.log(process.version, 6 * 7)'" },
  {
    title: 'Nothing of the host is there to be touched',
    script: 'ls -C /dev; kill -9 -1; mount -t ext4 /dev/sda1 /mnt; cat /proc/1/environ',
  },
];

const say = (text: string): void => console.log(text.trimEnd().replace(/^/gm, '  '));

async function has(kernel: Kernel, program: string): Promise<boolean> {
  return (await kernel.run('/bin/sh', ['-c', 'command -v "$1"', 'sh', program])).code === 0;
}

async function runStep(kernel: Kernel, { title, needs = [], script }: Step): Promise<void> {
  for (const program of needs) {
    if (await has(kernel, program)) continue;
    console.log(`# ${title}: passed over, ${program} is not installed here\n`);
    return;
  }
  const began = performance.now();
  const r = await kernel.run('/bin/sh', ['-c', script], { timeout: 60_000 });
  console.log(`# ${title}  (${(performance.now() - began).toFixed(0)} ms)`);
  say(`$ ${script.replaceAll('\n', '\n> ')}`);
  if (r.stdout !== '') say(r.stdout);
  if (r.stderr !== '') say(r.stderr);
  if (r.timedOut) say('(it took too long and was killed)');
  console.log();
}

/** `npm start -- git Python`: these steps alone. */
const wanted = process.argv.slice(2);
const began = performance.now();
const newRoot = () => overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() });
await using kernel = await Kernel.create({ root: newRoot(), mounts: { '/tmp': tmpfs() } });
console.log(`A kernel is up after ${(performance.now() - began).toFixed(0)} ms, in this very process.\n`);
const chosen = STEPS.filter(
  ({ title }) => wanted.length === 0 || wanted.some((word) => title.includes(word)),
);
for (const step of chosen) await runStep(kernel, step);

console.log('# From the outside: streams, files, signals');
await kernel.fs.writeFile('/in.txt', 'written by the embedder\n');
const upper = kernel.spawn('/usr/bin/tr', ['a-z', 'A-Z']);
kernel.fs.createReadStream('/in.txt').pipe(upper.stdin);
for await (const chunk of upper.stdout) say(String(chunk));
const sleeper = kernel.spawn('/bin/sleep', ['60']);
sleeper.kill('SIGTERM');
say(`sleep 60 ended at once: ${(await sleeper.exited).signal}\n`);

console.log('# Limits');
{
  await using small = await Kernel.create({
    root: newRoot(),
    limits: { memory: 64 * 2 ** 20, processes: 5 },
  });
  const greedy = await small.run('/bin/sh', ['-c', 'tail /dev/zero; echo "ended with $?"']);
  say(`$ tail /dev/zero\n${greedy.stdout}`);
  const many = await small.run('/bin/sh', ['-c', 'for i in 1 2 3 4 5 6; do sleep 1 & done'], {
    timeout: 500,
  });
  say(`$ for i in 1 2 3 4 5 6; do sleep 1 & done\n${many.stderr}`);
}

console.log('\n# A clock that only moves when told');
{
  const clock = new VirtualClock(1_000_000_000);
  await using timeless = await Kernel.create({
    root: newRoot(),
    clock,
    env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
  });
  const real = performance.now();
  const hour = timeless.run('/bin/sh', ['-c', 'date; sleep 3600; date']);
  // Each turn: let programs run, then jump to what the first of them waits for.
  let running = true;
  void hour.finally(() => (running = false));
  while (running) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advanceToNextAlarm();
  }
  say(
    `$ date; sleep 3600; date      (in ${(performance.now() - real).toFixed(0)} ms)\n${(await hour).stdout}`,
  );
}

const { calls } = kernel.stats();
const total = Object.values(calls).reduce((a, b) => a + b, 0);
console.log(`\n${total} system calls were served, of ${Object.keys(calls).length} kinds.`);
