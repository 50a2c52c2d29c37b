/** The host's network namespaces, and programs in them. Needs root. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Throws unless the host has ping(8), which the neighbours of these tests ask with. */
export function needPing(): void {
  if (spawnSync('ping', ['-V']).status !== 0) throw new Error('ping is not installed');
}

export function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A Python script in the namespace `ns`. */
export const python = (ns: string, script: string): ChildProcess =>
  spawn('ip', ['netns', 'exec', ns, 'python3', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });

export async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.on('data', (part: Buffer) => {
    text += part.toString();
  });
  await once(child, 'close');
  return text;
}

export async function until(condition: () => boolean, milliseconds = 5000): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!condition() && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A server that echoes two connections to port 8000. */
export const ECHO = `
import socket
s = socket.create_server(('::', 8000), family=socket.AF_INET6, dualstack_ipv6=True)
print('ready', flush=True)
for i in range(2):
    c, _ = s.accept()
    while d := c.recv(65536): c.sendall(d)
    c.close()
`;
/** A client of an echo server at port 80. */
export const CLIENT = `
import socket
for host in ('10.9.0.2', 'fd09::2'):
    s = socket.create_connection((host, 80), timeout=10)
    data = bytes(i % 253 for i in range(2000000))
    import threading
    threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
    got = b''
    while d := s.recv(65536): got += d
    print(host, got == data)
`;
