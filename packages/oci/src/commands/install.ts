import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type Flags, on, text } from '../cli/parser.js';
import type { Context } from '../context.js';
import { errnoText, Failure } from '../failure.js';

interface Engine {
  readonly file: string;
  /** What the file has to say for the engine to know the runtime. */
  snippet(command: string): string;
  /** The file with the runtime in it; null: it is there already. */
  merge(content: string, command: string): string | null;
  readonly use: string;
}

const append =
  (marker: string, snippet: (command: string) => string) =>
  (content: string, command: string): string | null =>
    content.includes(marker)
      ? null
      : `${content}${content === '' || content.endsWith('\n') ? '' : '\n'}${snippet(command)}`;

const CRI = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes.sandbox';
const containerd = (command: string): string =>
  `[${CRI}]\n  runtime_type = "io.containerd.runc.v2"\n  [${CRI}.options]\n    BinaryName = "${command}"\n`;
const podman = (command: string): string => `[engine.runtimes]\nsandbox = ["${command}"]\n`;
const crio = (command: string): string =>
  `[crio.runtime.runtimes.sandbox]\nruntime_path = "${command}"\nruntime_type = "oci"\nruntime_root = "/run/sandbox-oci"\n`;

const ENGINES: Readonly<Record<string, Engine>> = {
  containerd: {
    file: '/etc/containerd/config.toml',
    snippet: containerd,
    merge: (content, command) =>
      append(`[${CRI}]`, containerd)(content === '' ? 'version = 2\n' : content, command),
    use: 'ctr run --runc-binary COMMAND ...; in Kubernetes a RuntimeClass whose handler is "sandbox"',
  },
  docker: {
    file: '/etc/docker/daemon.json',
    snippet: (command) => `${JSON.stringify({ runtimes: { sandbox: { path: command } } }, null, 2)}\n`,
    merge: (content, command) => {
      const config =
        content.trim() === '' ? {} : (JSON.parse(content) as { runtimes?: Record<string, unknown> });
      if (config.runtimes?.sandbox !== undefined) return null;
      const runtimes = { ...config.runtimes, sandbox: { path: command } };
      return `${JSON.stringify({ ...config, runtimes }, null, 2)}\n`;
    },
    use: 'docker run --runtime=sandbox ...',
  },
  podman: {
    file: '/etc/containers/containers.conf.d/sandbox.conf',
    snippet: podman,
    merge: append('[engine.runtimes]', podman),
    use: 'podman --runtime sandbox run ...',
  },
  'cri-o': {
    file: '/etc/crio/crio.conf.d/50-sandbox.conf',
    snippet: crio,
    merge: append('[crio.runtime.runtimes.sandbox]', crio),
    use: 'in Kubernetes a RuntimeClass whose handler is "sandbox"',
  },
};

/** `install --engine NAME`: what makes an engine know this runtime by the name "sandbox". */
export async function run(_context: Context, flags: Flags, _args: readonly string[]): Promise<number> {
  const name = text(flags, 'engine') ?? '';
  const engine = Object.hasOwn(ENGINES, name) ? ENGINES[name] : undefined;
  if (engine === undefined) throw new Failure(`--engine is one of ${Object.keys(ENGINES).join(', ')}`);
  const command = process.argv[1]!;
  const file = text(flags, 'config') ?? engine.file;
  if (!on(flags, 'write')) {
    process.stdout.write(`# ${file}\n${engine.snippet(command)}# then: ${engine.use}\n`);
    return 0;
  }
  try {
    const merged = engine.merge(existsSync(file) ? readFileSync(file, 'utf8') : '', command);
    if (merged !== null) writeFileSync(file, merged);
    process.stdout.write(
      `${file}: ${merged === null ? 'knows it already' : 'written; restart the engine'}\n`,
    );
  } catch (error) {
    throw new Failure(`${file}: ${errnoText(error)}`);
  }
  return 0;
}
