/**
 * `npm run bench:memory [COUNT]`: host memory a further sandbox takes that runs one idle program
 * (proportional set size of this process and its children, proc_pid_smaps(5)), over an overlay of this
 * machine's tree; of the built packages.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const count = Number(process.argv[2] ?? 100);
const WARM = 10;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const children = () =>
  readdirSync('/proc/self/task').flatMap((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, 'utf8').split(' ').filter(Boolean),
  );

/** KiB. */
function proportional(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

async function total() {
  await sleep(2000);
  collect();
  return ['self', ...children()].reduce((sum, pid) => sum + proportional(pid), 0) / 1024;
}

const kernels = [];
async function start(n) {
  for (let i = 0; i < n; i++) {
    const kernel = await Kernel.create({
      root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    });
    await kernel.spawn('/bin/sleep', ['1000']);
    kernels.push(kernel);
  }
}

await start(WARM);
const before = await total();
await start(count);
const each = ((await total()) - before) / count;
console.log(`process with ${WARM} sandboxes  ${before.toFixed(0)} MiB`);
console.log(`each further one           ${each.toFixed(2)} MiB`);
for (const kernel of kernels) await kernel.dispose();
