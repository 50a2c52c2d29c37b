/**
 * Two hosts and a bad path between them: the stack, or a Linux in a network namespace of its own, over TAP
 * devices. The path is the same whoever is at its ends: `ImpairedLink` in this process, as not every kernel
 * has netem. Needs root.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import {
  CaptureLink,
  connect,
  ImpairedLink,
  type Impairment,
  type Link,
  NetStack,
  PcapngWriter,
  RealHost,
  StackServer,
  TapLink,
} from '../../src/index.js';
import { addInterface } from '../../test/support/lan.js';
import { at } from '../../test/support/net.js';
import { ip } from '../../test/support/netns.js';

/** Who sends to whom. */
export const PAIRS = ['linux-linux', 'stack-linux', 'linux-stack'] as const;
export type PairName = (typeof PAIRS)[number];

const PORT = 8000;
const BLOCK = 65536;

/** What goes over the wire: blocks that all differ, and are the same in every run. */
export class Pattern {
  private readonly block = Buffer.alloc(BLOCK);
  readonly hash: Hash = createHash('sha256');
  private sent = 0;

  constructor(private readonly size: number) {
    let x = 1;
    for (let i = 0; i < BLOCK; i += 4) {
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      this.block.writeUInt32LE(x, i);
    }
  }

  /** The next block; null: that was all. */
  next(): Buffer | null {
    const left = this.size - this.sent;
    if (left <= 0) return null;
    const block = Buffer.from(this.block.subarray(0, Math.min(BLOCK, left)));
    block.writeUInt32LE(Math.floor(this.sent / BLOCK), 0);
    this.sent += block.length;
    this.hash.update(block);
    return block;
  }
}

const SENDER = `
import socket, struct, sys
size, host, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
x, words = 1, []
for i in range(16384):
    x = (x * 1103515245 + 12345) & 0xffffffff
    words.append(x)
block = struct.pack('<16384I', *words)
s = socket.socket()
# The stack has no other that could stand beside it.
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'cubic')
s.connect((host, port))
sent = 0
while sent < size:
    b = (struct.pack('<I', sent // 65536) + block[4:])[:size - sent]
    s.sendall(b); sent += len(b)
s.shutdown(socket.SHUT_WR); s.recv(1)
`;
const RECEIVER = `
import hashlib, socket, sys, time
s = socket.create_server(('', int(sys.argv[1])))
print('ready', flush=True)
c, _ = s.accept()
h, n, begin = hashlib.sha256(), 0, time.monotonic()
while d := c.recv(1 << 16): h.update(d); n += len(d)
print(n, time.monotonic() - begin, h.hexdigest(), flush=True)
`;

/** A transfer that was made, or broke off. */
export interface Transfer {
  readonly bytes: number;
  readonly seconds: number;
  /** What arrived is what was sent. */
  readonly whole: boolean;
}

/** One pair of hosts. `dispose` takes everything away again. */
export class World {
  private readonly spaces: string[] = [];
  private readonly closers: (() => void)[] = [];
  private readonly children = new Set<ChildProcess>();
  private readonly id = `${process.pid}${World.count++}`;
  private static count = 0;

  constructor(
    readonly pair: PairName,
    private readonly toReceiver: Impairment,
    private readonly toSender: Impairment,
    private readonly capture: ((block: Uint8Array) => void) | null = null,
  ) {}

  /** Send `size` bytes from one end to the other, for `limit` seconds at most. */
  async run(size: number, limit: number): Promise<Transfer> {
    const expected = new Pattern(size);
    while (expected.next() !== null);
    const digest = expected.hash.digest('hex');
    const timer = setTimeout(() => this.dispose(), limit * 1000);
    try {
      if (this.pair === 'linux-linux') return await this.linuxToLinux(size, digest);
      return this.pair === 'stack-linux'
        ? await this.stackToLinux(size, digest)
        : await this.linuxToStack(size, digest);
    } finally {
      clearTimeout(timer);
      this.dispose();
    }
  }

  /** A Linux at the other end of a TAP device. */
  private linux(n: 1 | 2): { ns: string; link: Link } {
    const ns = `peer${this.id}x${n}`;
    const device = `tp${this.id}x${n}`.slice(-15);
    const link = new TapLink({ name: device });
    this.closers.push(() => link.close());
    ip('netns', 'add', ns);
    this.spaces.push(ns);
    ip('link', 'set', device, 'netns', ns);
    ip('-n', ns, 'addr', 'add', `10.9.0.${n}/24`, 'dev', device);
    ip('-n', ns, 'link', 'set', device, 'up');
    return { ns, link };
  }

  private stack(link: Link, n: 1 | 2, outward: Impairment, inward: Impairment): NetStack {
    const bad = new ImpairedLink(link, new RealHost(), outward, inward);
    const seen =
      this.capture === null ? bad : new CaptureLink(bad, new PcapngWriter(this.capture), Date.now, 'eth0');
    const stack = new NetStack(new RealHost());
    addInterface(stack, 'eth0', seen, `10.9.0.${n}/24`);
    this.closers.push(() => stack.close());
    return stack;
  }

  private python(ns: string, script: string, ...args: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', ns, 'python3', '-c', script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    return child;
  }

  /** A Linux that takes what comes: resolves when it listens. */
  private async receiver(ns: string): Promise<{ result: Promise<string> }> {
    const child = this.python(ns, RECEIVER, String(PORT));
    let text = '';
    const ready = new Promise<void>((resolve) => {
      child.stdout!.on('data', (part: Buffer) => {
        text += part.toString();
        resolve();
      });
      child.once('close', () => resolve());
    });
    const result = once(child, 'close').then(() => text.replace('ready\n', ''));
    await ready;
    return { result };
  }

  private outcome(text: string, digest: string): Transfer {
    const [bytes = '0', seconds = '0', hash = ''] = text.trim().split(' ');
    return { bytes: Number(bytes), seconds: Number(seconds), whole: hash === digest };
  }

  private async linuxToLinux(size: number, digest: string): Promise<Transfer> {
    const [a, b] = [this.linux(1), this.linux(2)];
    const toB = new ImpairedLink(b.link, new RealHost(), this.toReceiver);
    const toA = new ImpairedLink(a.link, new RealHost(), this.toSender);
    toB.attach({ receive: (packet) => toA.send(packet) });
    toA.attach({ receive: (packet) => toB.send(packet) });
    this.closers.push(
      () => toA.close(),
      () => toB.close(),
    );
    const { result } = await this.receiver(b.ns);
    this.python(a.ns, SENDER, String(size), '10.9.0.2', String(PORT));
    return this.outcome(await result, digest);
  }

  private async stackToLinux(size: number, digest: string): Promise<Transfer> {
    const { ns, link } = this.linux(2);
    const stack = this.stack(link, 1, this.toReceiver, this.toSender);
    const { result } = await this.receiver(ns);
    const socket = connect(stack, at('10.9.0.2', PORT));
    socket.on('error', () => {});
    const pattern = new Pattern(size);
    const closed = once(socket, 'close').catch(() => {});
    for (let block = pattern.next(); block !== null && !socket.destroyed; block = pattern.next()) {
      if (!socket.write(block))
        await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed]);
    }
    socket.end();
    return this.outcome(await result, digest);
  }

  private async linuxToStack(size: number, digest: string): Promise<Transfer> {
    const { ns, link } = this.linux(1);
    const stack = this.stack(link, 2, this.toSender, this.toReceiver);
    const server = new StackServer(stack, at('10.9.0.2', PORT));
    this.python(ns, SENDER, String(size), '10.9.0.2', String(PORT));
    const [socket] = (await once(server, 'connection')) as [ReturnType<typeof connect>];
    const begin = performance.now();
    const hash = createHash('sha256');
    let bytes = 0;
    socket.on('data', (part: Buffer) => {
      hash.update(part);
      bytes += part.length;
    });
    // It may break off: what arrived is counted.
    await new Promise<void>((resolve) =>
      socket.once('end', resolve).once('error', resolve).once('close', resolve),
    );
    socket.end();
    const seconds = (performance.now() - begin) / 1000;
    if (!socket.destroyed) await Promise.race([once(socket, 'close'), pause(1000)]);
    return { bytes, seconds, whole: hash.digest('hex') === digest };
  }

  dispose(): void {
    for (const child of this.children) child.kill('SIGKILL');
    for (const close of this.closers.splice(0)) close();
    for (const ns of this.spaces.splice(0)) {
      try {
        ip('netns', 'del', ns);
      } catch {
        // It is gone already.
      }
    }
  }
}

/** Why none of this can be done here; null: it can. */
export function whyNot(): string | null {
  const world = new World('linux-linux', {}, {});
  try {
    const ns = `peerprobe${process.pid}`;
    ip('netns', 'add', ns);
    ip('netns', 'del', ns);
    new TapLink({ name: `tpp${process.pid % 100000}` }).close();
    return null;
  } catch (error) {
    return String(error).split('\n')[0];
  } finally {
    world.dispose();
  }
}
