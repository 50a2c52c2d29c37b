import { TCP_CLOSE } from '@sandbox/abi';
import { expect } from 'vitest';
import { allocatePacket, type Packet } from '../../src/core/packet.js';
import type { TcpConnection } from '../../src/tcp/connection.js';
import { TcpOptions, type TcpTimeWaitRecord } from '../../src/tcp/contract.js';
import { TcpShared } from '../../src/tcp/shared.js';
import { type Segment, writeHeader } from '../../src/wire/tcp.js';
import {
  type HostSetup,
  makeEnd,
  parsePacket,
  readAll,
  type TestHost,
  VirtualClock,
  write,
} from './harness.js';

/**
 * A script of segments. Written as
 *
 *     FLAGS SEQ[:END] [ack N] [win N] [urg N] [<option, option>] [ect|ce]
 *
 * FLAGS are letters of `S F R P U E W` and `.` for ACK. Numbers are relative to the initial sequence numbers,
 * which both are chosen so that numbers wrap early. In what is expected only what is written is compared.
 * Options: `mss N`, `ws N`, `sackok`, `ts VAL ECR` (`*`: anything), `sack A:B`, `nop`.
 */
export class Script {
  readonly clock = new VirtualClock();
  readonly options = new TcpOptions();
  readonly shared = new TcpShared();
  readonly host: TestHost;
  readonly tcp: TcpConnection;
  private readonly ours: number;
  private readonly theirs = -1000;
  private readonly start: number;
  /** Shift of the windows we are told; set after the handshake. */
  scale = 0;

  constructor(setup: HostSetup & { options?: Partial<TcpOptions>; tune?: (shared: TcpShared) => void } = {}) {
    Object.assign(this.options, setup.options);
    setup.tune?.(this.shared);
    this.ours = setup.iss ?? -3000;
    const end = makeEnd(this.clock, { ...setup, iss: this.ours }, this.options, this.shared);
    this.host = end.host;
    this.tcp = end.tcp;
    this.start = this.clock.time;
  }

  /** Milliseconds since the beginning. */
  get time(): number {
    return this.clock.time - this.start;
  }

  /** Goes on to `time`, ms since the beginning. */
  at(time: number): this {
    this.clock.advanceTo(this.start + time);
    return this;
  }

  wait(ms: number): this {
    this.clock.advanceTo(this.clock.time + ms);
    return this;
  }

  /** A segment of the other side; its payload is bytes numbered by their place. */
  in(text: string): this {
    const packet = this.packetOf(parse(text));
    const flags = packet.bytes[packet.start + 13];
    if ((flags & 18) === 2 && this.tcp.state === TCP_CLOSE && !this.opened) {
      this.opened = true;
      expect(this.tcp.acceptSyn(packet)).toBe(0);
      packet.release();
    } else this.tcp.receive(packet);
    return this;
  }

  /** What a record of TIME_WAIT says to a segment. */
  ask(record: TcpTimeWaitRecord, text: string): string {
    const packet = this.packetOf(parse(text));
    const verdict = record.receive(packet);
    packet.release();
    return verdict;
  }

  private packetOf(wanted: Parsed): Packet {
    const length = wanted.length - (wanted.flags & 2 ? 1 : 0) - (wanted.flags & 1);
    const packet = allocatePacket(66_000);
    packet.transport = packet.start;
    const optionBytes = shiftSacks(encodeOptions(wanted), this.ours);
    const header = 20 + optionBytes.length;
    const at = packet.start;
    writeHeader(
      packet.bytes,
      at,
      this.host.remotePort,
      this.host.localPort,
      (wanted.seq + this.theirs) | 0,
      (wanted.flags & 16) !== 0 ? ((wanted.ack ?? 0) + this.ours) | 0 : 0,
      header,
      wanted.flags,
      wanted.win ?? 65535,
      wanted.urg ?? 0,
    );
    packet.bytes.set(optionBytes, at + 20);
    const body = at + header;
    for (let i = 0; i < length; i++)
      packet.bytes[body + i] = (wanted.seq + ((wanted.flags >> 1) & 1) + i) & 0xff;
    packet.end = body + length;
    packet.tos = wanted.ce ? 3 : wanted.ect ? 2 : 0;
    return packet;
  }

  private opened = false;

  /** Expects the next segment sent. `at`: at this time. */
  out(text: string, at?: number): this {
    const next = this.host.sent.shift();
    if (next === undefined) throw new Error(`expected "${text}", nothing was sent`);
    const segment = parsePacket(next.packet);
    const shown = this.show(segment, next.ecn);
    const wanted = parse(text);
    const problems = this.compare(segment, next.ecn, wanted);
    if (at !== undefined && Math.abs(next.time - this.start - at) > 0.5) {
      problems.push(`sent at ${next.time - this.start}, not ${at}`);
    }
    next.packet.release();
    if (problems.length > 0)
      throw new Error(`expected "${text}"\n     got "${shown}": ${problems.join(', ')}`);
    return this;
  }

  /** Nothing more was sent. */
  quiet(): this {
    const next = this.host.sent[0];
    if (next !== undefined) {
      throw new Error(
        `unexpected "${this.show(parsePacket(next.packet), next.ecn)}" at ${next.time - this.start}`,
      );
    }
    return this;
  }

  /** Throws away what was sent; returns how many segments. */
  drop(): number {
    const count = this.host.sent.length;
    for (const { packet } of this.host.sent) packet.release();
    this.host.sent.length = 0;
    return count;
  }

  /** What was sent and not looked at, as text. */
  get sent(): string[] {
    return this.host.sent.map(({ packet, ecn }) => this.show(parsePacket(packet), ecn));
  }

  /** Sends `count` bytes numbered by their place. */
  write(count: number, flags = 0): this {
    const first = ((this.tcp.writeSeq - this.ours) | 0) & 0xff;
    const bytes = Uint8Array.from({ length: count }, (_, i) => (first + i) & 0xff);
    expect(write(this.tcp, bytes, flags)).toBe(count);
    return this;
  }

  /** Reads `count` bytes: they are there, with the right values. */
  read(count: number): this {
    const first = (this.tcp.rx.first - this.theirs) | 0;
    const bytes = readAll(this.tcp, count);
    expect(typeof bytes === 'number' ? bytes : bytes.length).toBe(count);
    if (typeof bytes !== 'number')
      for (let i = 0; i < bytes.length; i++) expect(bytes[i]).toBe((first + i) & 0xff);
    return this;
  }

  state(state: number): this {
    expect(this.tcp.state).toBe(state);
    return this;
  }

  /** The other side opens: SYN, SYN-ACK, ACK. Its options are `options`. */
  passive(options = '<mss 1460,sackok,ws 0>', win = 65535): this {
    this.in(`S 0:1 win ${win} ${options}`);
    this.out('S. 0:1 ack 1');
    const ts = /ts (\d+)/.exec(options);
    this.in(`. 1 ack 1 win ${win}${ts === null ? '' : ` <ts ${ts[1]} ${this.clock.time | 0}>`}`);
    this.quiet();
    this.scale = this.tcp.rcvWscale;
    return this;
  }

  /** This side opens. */
  active(options = '<mss 1460,sackok,ws 0>', win = 65535): this {
    expect(this.tcp.connect()).toBe(0);
    this.out('S 0:1');
    this.in(`S. 0:1 ack 1 win ${win} ${options}`);
    this.out('. 1 ack 1').quiet();
    this.scale = this.tcp.rcvWscale;
    return this;
  }

  private show(segment: Segment, ecn: number): string {
    const seq = (segment.seq - this.ours) | 0;
    const end = (segment.end - this.ours) | 0;
    let text = `${flagText(segment.flags)} ${seq}:${end}`;
    if ((segment.flags & 16) !== 0) text += ` ack ${(segment.ack - this.theirs) | 0}`;
    text += ` win ${segment.window}`;
    if ((segment.flags & 32) !== 0) text += ` urg ${segment.urgent}`;
    const options: string[] = [];
    if ((segment.flags & 2) !== 0) {
      if (segment.mss > 0) options.push(`mss ${segment.mss}`);
      if (segment.sackPermitted) options.push('sackok');
      if (segment.windowScale >= 0) options.push(`ws ${segment.windowScale}`);
    }
    if (segment.hasTimestamp) options.push(`ts ${segment.tsVal >>> 0} ${segment.tsEcr >>> 0}`);
    for (let i = 0; i < segment.sackCount; i++) {
      options.push(
        `sack ${(segment.sacks[2 * i] - this.theirs) | 0}:${(segment.sacks[2 * i + 1] - this.theirs) | 0}`,
      );
    }
    if (options.length > 0) text += ` <${options.join(',')}>`;
    if (ecn !== 0) text += ecn === 3 ? ' ce' : ' ect';
    return text;
  }

  private compare(segment: Segment, ecn: number, wanted: Parsed): string[] {
    const problems: string[] = [];
    const check = (name: string, got: number | boolean, want: number | boolean | undefined) => {
      if (want !== undefined && got !== want) problems.push(`${name} ${got}`);
    };
    check('flags', flagText(segment.flags & ~8) === flagText(wanted.flags & ~8), true);
    if ((wanted.flags & 8) !== 0) check('push', (segment.flags & 8) !== 0, true);
    check('seq', (segment.seq - this.ours) | 0, wanted.seq);
    if (wanted.hasEnd) check('end', (segment.end - this.ours) | 0, wanted.seq + wanted.length);
    if (wanted.ack !== undefined) check('ack', (segment.ack - this.theirs) | 0, wanted.ack);
    check('win', segment.window, wanted.win);
    check('urg', segment.urgent, wanted.urg);
    check('mss', segment.mss, wanted.mss);
    check('ws', segment.windowScale, wanted.ws);
    if (wanted.sackok) check('sackok', segment.sackPermitted, true);
    if (wanted.noOptions) check('options', segment.dataStart, 148);
    if (wanted.tsVal !== undefined) check('ts', segment.tsVal, wanted.tsVal);
    if (wanted.tsEcr !== undefined) check('ecr', segment.tsEcr, wanted.tsEcr);
    if (wanted.sacks.length > 0) {
      const got = Array.from(segment.sacks.slice(0, 2 * segment.sackCount), (s) => (s - this.theirs) | 0);
      if (got.join() !== wanted.sacks.join()) problems.push(`sack ${got.join()}`);
    }
    if (wanted.ect) check('ect', ecn === 2, true);
    return problems;
  }
}

interface Parsed {
  flags: number;
  seq: number;
  length: number;
  hasEnd: boolean;
  ack?: number;
  win?: number;
  urg?: number;
  mss?: number;
  ws?: number;
  sackok: boolean;
  noOptions: boolean;
  hasTs: boolean;
  tsVal?: number;
  tsEcr?: number;
  sacks: number[];
  ect: boolean;
  ce: boolean;
}

const LETTERS: Record<string, number> = { F: 1, S: 2, R: 4, P: 8, '.': 16, U: 32, E: 64, W: 128 };

function flagText(flags: number): string {
  return Object.keys(LETTERS)
    .filter((letter) => (flags & LETTERS[letter]) !== 0)
    .join('');
}

function parse(text: string): Parsed {
  const match =
    /^([A-Z.]+) (-?\d+)(?::(-?\d+))?((?: (?:ack|win|urg) -?\d+)*)(?: <([^>]*)>)?( ect| ce)?$/.exec(text);
  if (match === null) throw new Error(`not a segment: ${text}`);
  const [, letters, seq, end, numbers, options, ecn] = match;
  const result: Parsed = {
    flags: [...letters].reduce((flags, letter) => flags | LETTERS[letter], 0),
    seq: Number(seq),
    length: end === undefined ? 0 : Number(end) - Number(seq),
    hasEnd: end !== undefined,
    sackok: false,
    noOptions: options === '',
    hasTs: false,
    sacks: [],
    ect: ecn === ' ect',
    ce: ecn === ' ce',
  };
  for (const [, name, value] of numbers.matchAll(/(ack|win|urg) (-?\d+)/g)) {
    result[name as 'ack' | 'win' | 'urg'] = Number(value);
  }
  for (const option of (options ?? '').split(',').filter((o) => o !== '')) {
    const [name, a, b] = option.trim().split(/[ :]/);
    if (name === 'mss') result.mss = Number(a);
    else if (name === 'ws') result.ws = Number(a);
    else if (name === 'sackok') result.sackok = true;
    else if (name === 'sack') result.sacks.push(Number(a), Number(b));
    else if (name === 'ts') {
      result.hasTs = true;
      if (a !== '*') result.tsVal = Number(a) | 0;
      if (b !== '*') result.tsEcr = Number(b) | 0;
    }
  }
  return result;
}

function put32(bytes: number[], value: number): void {
  bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

function encodeOptions(wanted: Parsed): Uint8Array {
  const bytes: number[] = [];
  if (wanted.mss !== undefined) bytes.push(2, 4, wanted.mss >> 8, wanted.mss & 255);
  if (wanted.ws !== undefined) bytes.push(3, 3, wanted.ws);
  if (wanted.sackok) bytes.push(4, 2);
  if (wanted.hasTs) {
    if ((wanted.flags & 2) === 0) bytes.push(1, 1);
    bytes.push(8, 10);
    put32(bytes, wanted.tsVal ?? 0);
    put32(bytes, wanted.tsEcr ?? 0);
  }
  if (wanted.sacks.length > 0) {
    bytes.push(1, 1, 5, 2 + 4 * wanted.sacks.length);
    for (const edge of wanted.sacks) put32(bytes, edge);
  }
  while (bytes.length % 4 !== 0) bytes.push(0);
  return Uint8Array.from(bytes);
}

/** SACK blocks are about our numbers: make them absolute. */
function shiftSacks(bytes: Uint8Array, by: number): Uint8Array {
  for (let i = 0; i < bytes.length; ) {
    if (bytes[i] === 0) break;
    if (bytes[i] === 1) {
      i++;
      continue;
    }
    if (bytes[i] === 5) {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      for (let k = i + 2; k < i + bytes[i + 1]; k += 4) view.setInt32(k, view.getInt32(k) + by);
    }
    i += bytes[i + 1];
  }
  return bytes;
}
