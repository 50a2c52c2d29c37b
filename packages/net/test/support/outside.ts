import { Duplex, PassThrough } from 'node:stream';
import type { NatBackend, OutsideRecord } from '../../src/index.js';

/** A world outside that answers as told: TCP servers by `address:port`, a UDP echo, names. */
export class FakeOutside implements NatBackend {
  readonly servers = new Map<string, (socket: Duplex) => void>();
  readonly names = new Map<string, OutsideRecord[]>();
  readonly sent: string[] = [];
  readonly asked: string[] = [];
  udpSockets = 0;

  connectTcp(address: string, port: number): Duplex {
    this.asked.push(`tcp ${address}:${port}`);
    const there = new PassThrough();
    const back = new PassThrough();
    const local = Duplex.from({ readable: back, writable: there });
    const server = this.servers.get(`${address}:${port}`);
    setImmediate(() => {
      if (server === undefined) local.destroy(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
      else {
        local.emit('connect');
        server(Duplex.from({ readable: there, writable: back }));
      }
    });
    return local;
  }

  openUdp(_isV4: boolean, onMessage: (bytes: Uint8Array, address: string, port: number) => void) {
    this.udpSockets++;
    return {
      send: (bytes: Uint8Array, address: string, port: number) => {
        this.sent.push(`${Buffer.from(bytes).toString()} to ${address}:${port}`);
        setImmediate(() => onMessage(Buffer.from(`echo ${Buffer.from(bytes)}`), address, port));
        setImmediate(() => onMessage(Buffer.from('forged'), '6.6.6.6', 666));
      },
      close: () => {
        this.udpSockets--;
      },
    };
  }

  async resolve(name: string, type: string): Promise<OutsideRecord[]> {
    this.asked.push(`${type} ${name}`);
    const found = this.names.get(`${type} ${name}`);
    if (found === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
    return found;
  }
}

/** Let the event loop turn a few times: streams and lookups take their steps. */
export async function turns(n = 10): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setImmediate(resolve));
}
