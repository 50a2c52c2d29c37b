/**
 * The whole API in one page: a kernel over a tree of one's own, programs with streams, files, a terminal,
 * limits.
 */
import { Kernel, KernelError, SpawnError } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

// The root is what guests see. Here: this machine's programs below, a writable layer in memory above.
// `mounts` adds further trees.
await using kernel = await Kernel.create({
  platform: 'auto',
  root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
  mounts: { '/work': tmpfs({ size: 64 * 2 ** 20 }) },
  limits: { memory: 256 * 2 ** 20, processes: 50 },
  hostname: 'box',
});

// Run to the end, get the output.
const { code, stdout } = await kernel.run(
  '/bin/sh',
  ['-c', 'echo "$GREETING from $(hostname)"; pwd; id -u'],
  {
    env: { GREETING: 'hello', PATH: '/usr/bin:/bin' },
    cwd: '/work',
    user: { uid: 1000 },
  },
);
console.log({ code, stdout });

// Files, from outside and inside: the shape of node:fs/promises.
await kernel.fs.writeFile(
  '/work/numbers',
  Array.from({ length: 1000 }, (_, i) => `${(i * 7919) % 1000}\n`).join(''),
);
await kernel.run('/bin/sh', ['-c', 'sort -n numbers | tail -3 > largest'], { cwd: '/work' });
console.log(await kernel.fs.readFile('/work/largest', 'utf8'));

// Streams, with backpressure both ways.
const sort = kernel.spawn('/usr/bin/sort');
sort.stdin.end('pear\napple\nfig\n');
for await (const chunk of sort.stdout) process.stdout.write(chunk);

// Signals, timeouts, AbortSignal. A killed program's descendants go with it.
const child = kernel.spawn('/bin/sleep', ['60']);
child.kill('SIGTERM');
console.log(await child.exited);
console.log(await kernel.run('/bin/sh', ['-c', 'echo begun; sleep 60'], { timeout: 100 }));
await kernel
  .run('/bin/sleep', ['60'], { signal: AbortSignal.timeout(100) })
  .catch((error: Error) => console.log(error.name));

// A terminal of its own: what is typed is echoed, Ctrl-D ends it.
const cat = kernel.spawn('/bin/cat', [], { tty: { rows: 24, columns: 80 } });
cat.stdin.write('typed\r\x04');
for await (const chunk of cat.stdout) process.stdout.write(chunk);

// Errors are classes with a literal code.
try {
  kernel.spawn('/bin/nothing');
} catch (error) {
  if (error instanceof SpawnError) console.log(error.code, error.errno, error.message);
}

// Events: what comes and goes, and what a guest missed.
kernel.on('process-exit', ({ pid, path, code: status }) =>
  console.log(`${path} (${pid}) ended with ${status}`),
);
kernel.on('unimplemented', ({ name, program }) => console.log(`${program} wanted ${name}`));
await kernel.run('/bin/true');

// After disposal there is nothing left of it; using it is an error.
await kernel.dispose();
try {
  kernel.spawn('/bin/true');
} catch (error) {
  if (error instanceof KernelError) console.log(error.code);
}
