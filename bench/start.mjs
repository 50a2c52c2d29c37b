/**
 * `npm run bench:start [COUNT]`: what it costs to start a kernel in a process that has started some before:
 * create it, run /bin/true over an overlay of this machine's tree, dispose it. Wall and processor time (this
 * process and its children) for each phase; judge by processor time on a busy machine.
 */
import { readFileSync } from 'node:fs';
import { Kernel } from '@sandbox/kernel';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const count = Number(process.argv[2] ?? 200);
const WARM_UP = 30;
const names = ['create', 'run', 'dispose'];
const wall = [0, 0, 0];
const cpu = [0, 0, 0];

/**
 * Milliseconds of processor time of reaped children (proc(5): cutime and cstime, in hundredths of a second).
 */
function childTime() {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

async function start(record) {
  let kernel;
  const steps = [
    async () => {
      kernel = await Kernel.create({
        root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
      });
    },
    async () => {
      const { code } = await kernel.run('/bin/true');
      if (code !== 0) throw new Error(`/bin/true: ${code}`);
    },
    () => kernel.dispose(),
  ];
  for (const [i, step] of steps.entries()) {
    const before = process.cpuUsage();
    const at = performance.now();
    await step();
    const used = process.cpuUsage(before);
    if (!record) continue;
    wall[i] += performance.now() - at;
    cpu[i] += (used.user + used.system) / 1000;
  }
}

for (let i = 0; i < WARM_UP; i++) await start(false);
const children = childTime();
for (let i = 0; i < count; i++) await start(true);
const sum = (v) => v.reduce((a, b) => a + b, 0);
for (const [i, name] of names.entries()) {
  const [ms, own] = [wall[i] / count, cpu[i] / count];
  console.log(`${name.padEnd(8)} ${ms.toFixed(2)} ms, processor ${own.toFixed(2)} ms`);
}
const guest = (childTime() - children) / count;
console.log(
  `start    ${(sum(wall) / count).toFixed(2)} ms, processor ${(sum(cpu) / count).toFixed(2)} ms and ${guest.toFixed(2)} ms of guests; ` +
    `${((1000 * count) / sum(wall)).toFixed(0)} a second`,
);
