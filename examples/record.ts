/**
 * `npx tsx examples/record.ts`: all an embedder can observe of a program, written down as it happens: its
 * calls, its output, what it sent, the files it changed, how it ended. Time, randomness and the world outside
 * are inputs: with the same ones the same record comes out again, so a run can be replayed, and one that
 * differs tells what differs.
 */
import { createHash } from 'node:crypto';
import { Kernel, SeededRandom, straceTo, VirtualClock } from '@sandbox/kernel';
import { hostfs, jsDevice, jsfs, overlay, tmpfs } from '@sandbox/vfs';

/** What came from outside during a run, in the order in which it was asked for. */
type Inputs = string[];

interface Recording {
  readonly output: string;
  readonly ending: string;
  readonly calls: string[];
  readonly changes: string[];
  readonly answers: Inputs;
}

const PROGRAM = `
date; echo "token $(od -An -N4 -tx4 /dev/urandom)"
sleep 3600; date
echo question > /far/outside; read answer < /far/outside; echo "told: $answer"
mkdir /out; echo "$answer" > /out/kept
`;

/** Run the program; the world outside answers by `ask`. */
async function record(seed: number, ask: () => string): Promise<Recording> {
  const clock = new VirtualClock(1_000_000_000);
  const answers: Inputs = [];
  let rest = '';
  const outside = jsDevice({
    // A shell reads a byte at a time.
    read: ({ length }) => {
      if (rest === '') answers.push((rest = ask()));
      const part = rest.slice(0, length);
      rest = rest.slice(part.length);
      return part;
    },
    write: () => {},
  });
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: { '/far': jsfs({ outside }) },
    clock,
    random: new SeededRandom(seed),
    env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
  });
  const calls: string[] = [];
  const stop = await straceTo(kernel, (text) => calls.push(text));
  const running = kernel.run('/bin/sh', ['-c', PROGRAM]);
  let ended = false;
  void running.finally(() => {
    ended = true;
  });
  // Time passes only where everybody waits for it.
  while (!ended) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    clock.advanceToNextAlarm();
  }
  const { stdout, code, signal } = await running;
  stop();
  const changes = (await kernel.fs.diff()).map(({ path, kind }) => `${kind} ${path}`);
  return { output: stdout, ending: `${code ?? signal}`, calls, changes, answers };
}

const digest = ({ output, ending, changes }: Recording): string =>
  createHash('sha256')
    .update(JSON.stringify([output, ending, changes]))
    .digest('hex')
    .slice(0, 12);

const first = await record(1, () => `${Math.floor(Math.random() * 1e9)}\n`);
console.log(first.output);
console.log(`${first.calls.length} lines of calls; changes: ${first.changes.join(', ')}`);

// The same inputs: the same record.
const inputs = [...first.answers];
const again = await record(1, () => inputs.shift() ?? '');
console.log(`replayed: ${digest(first) === digest(again) ? 'the same' : 'different'}`);
// Other randomness: another run, an hour of sleep each.
const other = await record(2, () => first.answers[0] ?? '');
console.log(`with another seed: ${digest(first) === digest(other) ? 'the same' : 'different'}`);
