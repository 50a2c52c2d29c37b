import { createSocket } from 'node:dgram';
import { promises as dns } from 'node:dns';
import { connect } from 'node:net';
import type { NatBackend, OutsideRecord } from './backend.js';

const FALLBACK_TTL = 60;

/** The host's network through Node: no privileges are needed. */
export function nodeBackend(): NatBackend {
  const resolver = new dns.Resolver({ timeout: 3000, tries: 2 });
  return {
    connectTcp(host, port) {
      const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
      return socket;
    },
    openUdp(isV4, onMessage) {
      const socket = createSocket(isV4 ? 'udp4' : 'udp6');
      socket.on('message', (bytes, from) => onMessage(bytes, from.address.replace(/%.*$/, ''), from.port));
      socket.on('error', () => {});
      let open = true;
      return {
        send(bytes, address, port) {
          if (open) socket.send(bytes, port, address, () => {});
        },
        close() {
          if (!open) return;
          open = false;
          socket.close();
        },
      };
    },
    resolve: (name, type) => lookUp(resolver, name, type),
  };
}

async function lookUp(resolver: dns.Resolver, name: string, type: string): Promise<OutsideRecord[]> {
  switch (type) {
    case 'A':
    case 'AAAA':
      return addresses(resolver, name, type);
    case 'CNAME':
      return plain(await resolver.resolveCname(name));
    case 'NS':
      return plain(await resolver.resolveNs(name));
    case 'PTR':
      return plain(await resolver.resolvePtr(name));
    case 'MX':
      return plain(
        (await resolver.resolveMx(name)).map(({ priority, exchange }) => ({
          preference: priority,
          exchange,
        })),
      );
    case 'TXT':
      return plain(await resolver.resolveTxt(name));
    case 'SRV':
      return plain(
        (await resolver.resolveSrv(name)).map(({ name: target, ...rest }) => ({ target, ...rest })),
      );
    default:
      throw Object.assign(new Error(`no lookup of ${type}`), { code: 'ENOTIMP' });
  }
}

function plain(data: unknown[]): OutsideRecord[] {
  return data.map((entry) => ({ ttl: FALLBACK_TTL, data: entry }));
}

/** DNS first, for its TTLs; then whatever else the host knows names by (/etc/hosts). */
async function addresses(resolver: dns.Resolver, name: string, type: 'A' | 'AAAA'): Promise<OutsideRecord[]> {
  try {
    const found =
      type === 'A'
        ? await resolver.resolve4(name, { ttl: true })
        : await resolver.resolve6(name, { ttl: true });
    return found.map(({ address, ttl }) => ({ ttl, data: address }));
  } catch (error) {
    const family = type === 'A' ? 4 : 6;
    const found = await dns.lookup(name, { all: true, family }).catch(() => {
      throw error;
    });
    return plain(found.map(({ address }) => address));
  }
}
