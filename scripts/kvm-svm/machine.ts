/**
 * A machine in QEMU's software emulation, with an emulated AMD processor that has SVM. It has no network and
 * can write nothing outside.
 */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gzipSync } from 'node:zlib';
import { cpio, type Entry } from './initramfs.js';
import type { Linux } from './linux.js';

const DIRECTORY = 0o40755;
const PROGRAM = 0o100755;
const CHARACTER_DEVICE = 0o20600;

export interface Job {
  readonly linux: Linux;
  /** A static busybox. */
  readonly busybox: string;
  /** A shell script, run in `directory` of the tree of the machine outside. */
  readonly script: string;
  readonly directory: string;
  /** Parameters of the module kvm_amd. */
  readonly parameters: string;
  readonly memoryMiB: number;
  /** Silence that long, in seconds, means that it hangs. */
  readonly patience: number;
  readonly onLine: (line: string) => void;
}

/** What the script's exit status was; a string says why there is none. */
export async function runMachine(job: Job): Promise<number | string> {
  const archive = join(tmpdir(), `kvm-svm-${process.pid}.gz`);
  writeFileSync(archive, gzipSync(cpio(tree(job)), { level: 1 }));
  try {
    return await boot(job, archive);
  } finally {
    rmSync(archive, { force: true });
  }
}

function tree({ linux, busybox, script }: Job): Entry[] {
  const order = linux.modules.map((m) => `${m.name}\n`).join('');
  return [
    { name: 'bin', mode: DIRECTORY },
    { name: 'dev', mode: DIRECTORY },
    { name: 'modules', mode: DIRECTORY },
    { name: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { name: 'bin/busybox', mode: PROGRAM, data: readFileSync(busybox) },
    { name: 'init', mode: PROGRAM, data: readFileSync(new URL('init.sh', import.meta.url)) },
    { name: 'job', mode: PROGRAM, data: Buffer.from(script) },
    { name: 'modules/order', mode: PROGRAM, data: Buffer.from(order) },
    ...linux.modules.map((m) => ({ name: `modules/${m.name}.ko`, mode: PROGRAM, data: m.data })),
  ];
}

/** Without what Linux would show its programs and we do not: addresses of 57 bits, protection keys. */
const PROCESSOR = 'max,+svm,-la57,-pku';

function boot(job: Job, archive: string): Promise<number | string> {
  const command = `console=ttyS0 quiet no_timer_check mitigations=off panic=-1 nokaslr svm.dir=${job.directory} svm.kvm=${job.parameters}`;
  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ...['-machine', 'q35,accel=tcg,usb=off', '-cpu', PROCESSOR, '-smp', '1', '-m', `${job.memoryMiB}`],
      ...['-kernel', job.linux.image, '-initrd', archive, '-append', command],
      ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
      ...['-nic', 'none', '-nographic', '-no-reboot', '-monitor', 'none', '-serial', 'stdio'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  return new Promise((resolve) => {
    let status: number | string = 'the machine ended early';
    let timer: NodeJS.Timeout;
    const stop = (): boolean => qemu.kill('SIGKILL');
    const watch = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        status = `nothing was heard for ${job.patience} s`;
        stop();
      }, job.patience * 1000);
    };
    const settle = (result: number | string): void => {
      clearTimeout(timer);
      process.off('exit', stop);
      resolve(result);
    };
    process.on('exit', stop);
    watch();
    createInterface({ input: qemu.stdout }).on('line', (raw) => {
      watch();
      const line = raw.replace(/\r$/, '');
      const end = /^svm-status (.*)$/.exec(line);
      if (end) status = /^\d+$/.test(end[1]) ? Number(end[1]) : `${end[1]} failed`;
      else job.onLine(line);
    });
    qemu.on('error', (error) => settle(error.message));
    qemu.on('close', () => settle(status));
  });
}
