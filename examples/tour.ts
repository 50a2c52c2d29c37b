/** `npm start`: a sandbox over this machine's own programs, and a dozen of them run in it. */
import { Kernel, SpawnError } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const STEPS: readonly (readonly [string, string])[] = [
  ['Its own kernel', 'uname -snrm; hostname; id'],
  ['Its own processes', 'ps ax -o pid,ppid,comm'],
  [
    "The host's programs, writes kept in memory",
    'echo hello > /etc/tour && cat /etc/tour && ls -l /etc/tour',
  ],
  ['Pipelines and jobs', 'seq 100000 | sort -R | sort -n | tail -1; sleep 0.1 & wait; echo done'],
  ['Coreutils', 'find /usr/share -type f | wc -l; tar c /usr/include 2>/dev/null | tar t | wc -l'],
  [
    'Python with threads and processes',
    `python3 -c "
import threading, subprocess, multiprocessing
t = threading.Thread(target=lambda: print('thread', sum(range(10**6)))); t.start(); t.join()
print(subprocess.check_output(['echo', 'child']).decode().strip())
print(multiprocessing.get_context('fork').Pool(2).map(abs, [-1, -2, -3]))"`,
  ],
  ['Perl', "perl -e 'print join(q(,), map { $_ ** 2 } 1..10), qq(\\n)'"],
  [
    'A compiler',
    `cd /tmp && printf '#include <stdio.h>\\nint main(void){puts("compiled inside");}' > h.c && gcc h.c -o h && ./h`,
  ],
  [
    'git',
    'cd /tmp && git init -q r && cd r && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && git log --oneline | wc -l',
  ],
  [
    'sqlite',
    "sqlite3 :memory: 'create table t(a); insert into t values (6),(7); select group_concat(a) from t'",
  ],
  ['node in node', "node -e 'console.log(process.version, 6 * 7)'"],
  [
    'What it cannot do',
    'cat /proc/1/environ; mount -t ext4 /dev/sda1 /mnt; echo "nothing of the host changed"',
  ],
];

const started = performance.now();
await using kernel = await Kernel.create({
  root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  mounts: { '/tmp': tmpfs() },
});
console.log(`A kernel is up after ${(performance.now() - started).toFixed(0)} ms.\n`);
for (const [title, script] of STEPS) {
  const begin = performance.now();
  try {
    const r = await kernel.run('/bin/sh', ['-c', script], { timeout: 60_000 });
    console.log(`# ${title}  (${(performance.now() - begin).toFixed(0)} ms)`);
    process.stdout.write(r.stdout.replace(/^/gm, '  ').trimEnd());
    // A program this machine lacks is the shell's to say.
    if (r.stderr !== '') process.stdout.write(`\n  ! ${r.stderr.trim().split('\n')[0]}`);
    console.log('\n');
  } catch (error) {
    if (!(error instanceof SpawnError)) throw error;
    console.log(`# ${title}: ${error.message}\n`);
  }
}
const { calls } = kernel.stats();
console.log(`${Object.values(calls).reduce((a, b) => a + b, 0)} system calls were served.`);
