/** containerd with its CRI service, whose runtime is ours, and a client of it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const run = promisify(execFile);
const PROTO = fileURLToPath(new URL('runtime.proto', import.meta.url));
const STREAM = fileURLToPath(new URL('stream.mjs', import.meta.url));
/** Of a call: machines that test much at once are slow. */
const PATIENCE_MS = 200_000;

// biome-ignore lint/suspicious/noExplicitAny: what comes is what runtime.proto says
type Answer = any;
type Method = (
  request: object,
  options: object,
  done: (error: ServiceError | null, answer: Answer) => void,
) => void;

/**
 * A directory, what makes the runtime known in a file of containerd's, images to import, and the directory of
 * CNI's plugins.
 */
export interface ServiceOptions {
  readonly work: string;
  readonly install: (file: string) => Promise<void>;
  readonly images: readonly string[];
  readonly plugins: string;
  /** Network namespace of the host's it is in, by name: bridges are made there. */
  readonly netns: string;
}

export class CriService {
  private constructor(
    private readonly daemon: ChildProcess,
    private readonly work: string,
    private readonly netns: string,
    private readonly client: { close(): void } & Record<string, Method>,
  ) {}

  static async start(options: ServiceOptions): Promise<CriService> {
    const { work, netns } = options;
    mkdirSync(join(work, 'cni'));
    writeFileSync(join(work, 'cni/10-test.conflist'), JSON.stringify(NETWORK));
    writeFileSync(join(work, 'config.toml'), configuration(options));
    await options.install(join(work, 'config.toml'));
    const log = join(work, 'log');
    const daemon = spawn(
      'nsenter',
      [`--net=/run/netns/${netns}`, 'sh', '-c', `exec containerd -c ${work}/config.toml >${log} 2>&1`],
      { stdio: 'ignore' },
    );
    const types = loadSync(PROTO, { keepCase: true, longs: Number, defaults: true });
    const { runtime: pkg } = loadPackageDefinition(types) as Answer;
    const client = new pkg.v1.RuntimeService(`unix:${work}/s`, credentials.createInsecure());
    const service = new CriService(daemon, work, netns, client);
    try {
      for (let i = 0; ; i++) {
        const version = await service.call('Version', {}).catch((error: Error) => error);
        if (!(version instanceof Error)) break;
        if (i > 300) throw new Error(`${version.message}\n${service.log()}`);
        await pause(100);
      }
      for (const image of options.images)
        await run('ctr', [
          '-a',
          `${work}/s`,
          '-n',
          'k8s.io',
          'image',
          'import',
          '--snapshotter',
          'native',
          image,
        ]);
      return service;
    } catch (error) {
      service.stop();
      throw error;
    }
  }

  call(name: string, request: object): Promise<Answer> {
    const deadline = Date.now() + PATIENCE_MS;
    return new Promise((resolve, reject) =>
      this.client[name]!(request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  }

  /** Connect to what a call of the streaming server's has prepared; what came, by channel. */
  async stream(url: string, protocol: string, input?: string): Promise<string[]> {
    const args = [`--net=/run/netns/${this.netns}`, process.execPath, STREAM, url, protocol];
    const { stdout } = await run('nsenter', input === undefined ? args : [...args, input], {
      timeout: PATIENCE_MS,
    });
    const channels: string[] = [];
    for (const line of stdout.trim().split('\n').filter(Boolean)) {
      const [channel, text] = JSON.parse(line) as [number, string];
      channels[channel] = (channels[channel] ?? '') + text;
    }
    return channels;
  }

  /** The end of containerd's own log. */
  log(): string {
    return readFileSync(join(this.work, 'log'), 'utf8').slice(-4000);
  }

  stop(): void {
    this.client.close();
    this.daemon.kill('SIGKILL');
  }
}

const NETWORK = {
  cniVersion: '1.0.0',
  name: 'test',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.202.0.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};

function configuration({ work, plugins }: ServiceOptions): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${work}/root"
state = "${work}/state"
[grpc]
  address = "${work}/s"
[ttrpc]
  address = "${work}/s.ttrpc"
[${cri}]
  sandbox_image = "docker.io/library/pause:latest"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  disable_apparmor = true
[${cri}.cni]
  bin_dir = "${plugins}"
  conf_dir = "${work}/cni"
[${cri}.containerd]
  snapshotter = "native"
  default_runtime_name = "sandbox"
`;
}
