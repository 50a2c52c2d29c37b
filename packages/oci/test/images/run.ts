/**
 * `npx tsx packages/oci/test/images/run.ts [--seconds N] [--at-once] [--runtime PATH] [--keep DIR] [--write]
 * [NAME...]`, as root, with docker.io, mmdebstrap and the clients of the services: runs each service as a
 * container of a dockerd of its own, under load, and prints a table (--write: into docs/oci-images.md).
 * --keep: where that dockerd has its images, so that they are made once. --at-once: all services beside each
 * other, not in turn.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { startDocker } from '../support/docker.js';
import { SERVICES, type Service } from './services.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '300' },
    runtime: {
      type: 'string',
      default: fileURLToPath(new URL('../../bin/sandbox-oci.cjs', import.meta.url)),
    },
    keep: { type: 'string' },
    'at-once': { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const exec = promisify(execFile);
const FIRST_PORT = 23000 + (process.pid % 1000);
const READY_MS = 600_000;
const MOST_OUTPUT = 16 << 20;

const shell = async (line: string): Promise<{ ok: boolean; output: string }> => {
  try {
    const { stdout, stderr } = await exec('sh', ['-c', line], { maxBuffer: MOST_OUTPUT });
    return { ok: true, output: stdout + stderr };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return { ok: false, output: stdout + stderr };
  }
};

type Docker = (...args: string[]) => Promise<{ code: number; stdout: string; stderr: string }>;

async function must(docker: Docker, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await docker(...args);
  if (code !== 0) throw new Error(`docker ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

/** An image of Debian with the service's packages, made by the host's tools. */
async function makeImage(docker: Docker, work: string, name: string, packages: string): Promise<void> {
  if ((await docker('image', 'inspect', name)).code === 0) return;
  const tar = join(work, `${name}.tar`);
  const child = spawn('mmdebstrap', [
    '--variant=minbase',
    `--include=${packages.replaceAll(' ', ',')}`,
    'trixie',
    tar,
  ]);
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  if (code !== 0) throw new Error(`mmdebstrap: exit status ${code}`);
  await must(docker, 'import', tar, name);
  rmSync(tar);
}

async function tryService(docker: Docker, name: string, service: Service): Promise<string> {
  const port = FIRST_PORT + Object.keys(SERVICES).indexOf(name);
  const image = `img-${name}`;
  const started = performance.now();
  // Of a run that was broken off.
  await docker('rm', '-f', name);
  const args = ['-d', '--name', name, '--runtime', 'sandbox', '-p', `127.0.0.1:${port}:${service.port}`];
  await must(docker, 'run', ...args, image, 'sh', '-c', service.command);
  try {
    let ready = false;
    while (!ready && performance.now() - started < READY_MS) {
      ready = (await shell(`timeout 30 sh -c ${quoted(service.probe(port))}`)).ok;
      if (!ready) await pause(500);
    }
    if (!ready) return `| ${name} | not ready | | ${await tail(docker, name)} |`;
    const after = ((performance.now() - started) / 1000).toFixed(1);
    const { ok, output } = await shell(service.load(port, seconds));
    const done = ok ? service.result(output) : null;
    const running = await must(docker, 'inspect', '-f', '{{.State.Status}}', name);
    const memory = await must(docker, 'stats', '--no-stream', '--format', '{{.MemUsage}}', name);
    const verdict =
      done !== null && running === 'running' ? 'none' : `${running}: ${output.trim().slice(-300)}`;
    return `| ${name} | ${after} s | ${done ?? ''} in ${seconds} s | ${verdict.replaceAll(/[\n|]/g, ' ')} | ${memory.split(' / ')[0]} |`;
  } finally {
    await docker('rm', '-f', name);
  }
}

const quoted = (line: string): string => `'${line.replaceAll("'", "'\\''")}'`;

async function tail(docker: Docker, name: string): Promise<string> {
  const { stdout, stderr } = await docker('logs', '--tail', '5', name);
  return (stdout + stderr).replaceAll(/[\n|]/g, ' ').slice(-300);
}

const work = values.keep ?? mkdtempSync(join(tmpdir(), 'sandbox-oci-images-'));
if (!existsSync(work)) mkdirSync(work, { recursive: true });
const daemon = await startDocker(work, { sandbox: values.runtime! }, true);
try {
  const rows = [
    '| image | ready after | done under load | errors | memory of the host then |',
    '|---|---|---|---|---|',
  ];
  console.log(rows.join('\n'));
  const names = positionals.length > 0 ? positionals : Object.keys(SERVICES);
  for (const name of names) await makeImage(daemon.docker, work, `img-${name}`, SERVICES[name]!.packages);
  const row = async (name: string): Promise<string> => {
    // The others go on, and what they started is ended.
    const text = await tryService(daemon.docker, name, SERVICES[name]!).catch(
      (error: Error) =>
        `| ${name} | not started | | ${error.message.slice(-300).replaceAll(/[\n|]/g, ' ')} | |`,
    );
    console.log(text);
    return text;
  };
  if (values['at-once']) rows.push(...(await Promise.all(names.map(row))));
  else for (const name of names) rows.push(await row(name));
  if (values.write) {
    const text = `# Images under load\n\nEach program from Debian's package in an image of its own, run by \`docker run --runtime=sandbox -p\`, loaded from the host through the published port.\nWritten by \`npx tsx packages/oci/test/images/run.ts --write\`; the figures are of one run on a shared machine and compare with nothing.\n\n${rows.join('\n')}\n`;
    writeFileSync(fileURLToPath(new URL('../../../../docs/oci-images.md', import.meta.url)), text);
  }
} finally {
  await daemon.stop();
  if (values.keep === undefined) rmSync(work, { recursive: true, force: true });
}
