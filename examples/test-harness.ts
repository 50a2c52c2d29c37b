/**
 * A real program inside tests: every test has a machine of its own, whose disk fills up, whose power fails
 * and whose clock runs as the test likes. The program is SQLite, as Python brings it along.
 */
import assert from 'node:assert/strict';
import { Kernel, type KernelOptions, VirtualClock } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const ENV = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: '/root', TZ: 'UTC' };

async function machine(options: Partial<KernelOptions> = {}): Promise<Kernel> {
  return Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/data': tmpfs({ size: 4 * 2 ** 20 }) },
    env: ENV,
    ...options,
  });
}

const python = (code: string): [string, string[]] => [
  '/usr/bin/env',
  ['python3', '-c', `import sqlite3, sys\n${code}`],
];
const OPEN = `db = sqlite3.connect('/data/db'); db.execute('create table if not exists t(a)')`;

const tests: Record<string, () => Promise<void>> = {
  async 'what is committed is there for the next process'() {
    await using kernel = await machine();
    await kernel.run(...python(`${OPEN}; db.execute('insert into t values (42)'); db.commit()`));
    const r = await kernel.run(...python(`${OPEN}; print(db.execute('select a from t').fetchall())`));
    assert.equal(r.stdout, '[(42,)]\n');
  },

  async 'a full disk is an error, and the database stays whole'() {
    await using kernel = await machine();
    const fill = `${OPEN}
try:
  for i in range(1000): db.execute('insert into t values (zeroblob(100000))'); db.commit()
except sqlite3.OperationalError as e: print(e)
del db
db = sqlite3.connect('/data/db')
print(db.execute('pragma integrity_check').fetchone()[0])`;
    const r = await kernel.run(...python(fill));
    assert.equal(r.stdout, 'database or disk is full\nok\n');
  },

  async 'killed in the middle of a transaction, it rolls back'() {
    await using kernel = await machine();
    await kernel.run(...python(`${OPEN}; db.execute('insert into t values (1)'); db.commit()`));
    // A cache of one page: the change is on disk before the commit, beside a journal.
    const half = `${OPEN}; db.execute('pragma cache_size=1')
db.executemany('insert into t values (?)', [(bytes(1000),)] * 500); print('half way', flush=True); sys.stdin.read()`;
    const victim = kernel.spawn(...python(half));
    for await (const _ of victim.stdout) {
      assert.ok(await kernel.fs.stat('/data/db-journal'));
      victim.kill('SIGKILL');
    }
    const r = await kernel.run(
      ...python(`${OPEN}; print(db.execute('select count(*) from t').fetchone()[0])`),
    );
    assert.equal(r.stdout, '1\n');
  },

  async 'a busy database is waited for as long as it was asked: five seconds, at once'() {
    const clock = new VirtualClock();
    await using kernel = await machine({ clock });
    const holder = kernel.spawn(
      ...python(`${OPEN}; db.execute('begin exclusive'); print('held', flush=True); sys.stdin.read()`),
    );
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    const waiter = kernel.run(
      ...python(`
import time; began = time.monotonic()
db = sqlite3.connect('/data/db', timeout=5)
try: db.execute('begin exclusive')
except sqlite3.OperationalError as e: print(e, 'after', round(time.monotonic() - began), 's')`),
    );
    let waiting = true;
    void waiter.finally(() => (waiting = false));
    while (waiting) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      clock.advanceToNextAlarm();
    }
    assert.equal((await waiter).stdout, 'database is locked after 5 s\n');
  },
};

for (const [name, test] of Object.entries(tests)) {
  const began = performance.now();
  await test();
  console.log(`ok  ${name}  (${(performance.now() - began).toFixed(0)} ms)`);
}
