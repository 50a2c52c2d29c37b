/**
 * `npm run test:kvm-svm [-- --npt 1|0] [--command 'shell command']`: the KVM platform on hardware
 * virtualisation, whatever this machine has: on a Debian kernel in QEMU's emulation of an AMD processor with
 * SVM, with nested paging and with shadowed page tables. Without --command: the platform's own suite and a
 * number of real programs, compared with what they do natively in there.
 *
 * Emulation is slow: half an hour or more for each of the two. Needs QEMU, busybox-static, and a package
 * source of Debian's; says what is missing otherwise.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cacheDir } from '../conformance/harness.js';
import { bundle } from './kvm-svm/bundle.js';
import { fetchLinux, type Linux } from './kvm-svm/linux.js';
import { runMachine } from './kvm-svm/machine.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    npt: { type: 'string', multiple: true, default: ['1', '0'] },
    command: { type: 'string' },
    memory: { type: 'string', default: '2560' },
    patience: { type: 'string', default: '900' },
  },
});

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const BUSYBOX = '/bin/busybox';

function skip(why: string): never {
  console.log(`kvm-svm: NOT RUN, ${why}`);
  process.exit(0);
}

function inPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, program)));
}

function prepare(): Linux {
  for (const [program, name] of [
    ['qemu-system-x86_64', 'qemu-system-x86'],
    ['apt-get', 'apt'],
    ['dpkg', 'dpkg'],
    ['xz', 'xz-utils'],
  ]) {
    if (!inPath(program)) skip(`there is no ${program} (Debian: ${name})`);
  }
  if (!existsSync(BUSYBOX)) skip(`there is no ${BUSYBOX} (Debian: busybox-static)`);
  try {
    return fetchLinux(cache);
  } catch (error) {
    return skip(`no kernel: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const cache = join(root, 'node_modules/.cache/kvm-svm');
const linux = prepare();
const started = process.hrtime.bigint();
const bundled = join(cache, 'inside.mjs');
await bundle(bundled);
const command = values.command ?? `exec ${process.execPath} ${bundled} ${positionals.join(' ')}`;
// Temporary files are not on the overlay, whose mappings look different; what was compiled outside need not
// be compiled in there.
const environment = `PATH=${process.env.PATH} HOME=/root NO_COLOR=1 TMPDIR=/run/tmp GUEST_TMP=/run/tmp CONFORMANCE_CACHE=${cacheDir} CONFORMANCE_PATIENCE=30`;
const script = `export ${environment}\n${command}\n`;
let failures = 0;
for (const npt of values.npt) {
  const label = npt === '0' ? 'npt=0' : 'npt=1';
  const status = await runMachine({
    linux,
    busybox: BUSYBOX,
    script,
    directory: root,
    parameters: label,
    memoryMiB: Number(values.memory),
    patience: Number(values.patience),
    onLine: (line) => {
      const seconds = Number((process.hrtime.bigint() - started) / 1_000_000_000n);
      console.log(`[${label} ${String(seconds).padStart(5)} s] ${line}`);
    },
  });
  console.log(`kvm-svm ${label}: ${status === 0 ? 'passed' : `FAILED (${status})`}`);
  if (status !== 0) failures++;
}
process.exit(failures > 0 ? 1 : 0);
