/**
 * A sandbox's network, owned by the embedder: what may leave is said by name, and the rest is told of; a
 * node:http server that only guests can reach, by a name of their DNS; a guest's port on the host; a
 * connection into the guest; a second kernel on the same switch. No rights are needed.
 */
import { createServer } from 'node:http';
import { Kernel } from '@sandbox/kernel';
import { ImpairedLink, NatGateway, nodeBackend, RealHost, VirtualSwitch } from '@sandbox/net';
import { hostfs, overlay, tmpfs } from '@sandbox/vfs';

const root = overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() });
const host = new RealHost();

// A gateway that two kernels share. Only this name may be looked up and connected to, at this port.
using gateway = new NatGateway({ host, backend: nodeBackend(), allow: ['deb.debian.org:80'] });
gateway.serve(
  'api.internal',
  80,
  createServer((request, response) => response.end(`the embedder says hello to ${request.url}`)),
);

// And a line between them that is slow and loses packets, with a seed of its own.
const line = new VirtualSwitch();
const slow = new ImpairedLink(line.port(), new RealHost(), { latency: 20, loss: 0.05 });

const blocks: Uint8Array[] = [];
await using a = await Kernel.create({
  root,
  network: {
    nat: gateway,
    capture: (block) => blocks.push(block), // pcapng: Wireshark opens the file these make
    links: [{ name: 'eth1', link: line.port(), addresses: ['10.1.0.1/24', 'fd00:1::1/64'] }],
  },
});
await using b = await Kernel.create({
  root,
  hostname: 'b',
  network: {
    nat: gateway,
    links: [{ name: 'eth1', link: slow, addresses: ['10.1.0.2/24', 'fd00:1::2/64'] }],
  },
});
a.on('denied', ({ protocol, destination, port, name }) => {
  console.log(`denied: ${protocol} ${name ?? destination}${port > 0 ? `:${port}` : ''}`);
});

const FETCH = `
import socket, sys, urllib.request
for url in sys.argv[1:]:
    try: print(urllib.request.urlopen(url, timeout=20).read().decode())
    except OSError as e: print(url, 'failed')
`;
const urls = ['http://api.internal/world', 'http://example.com/', 'http://192.0.2.1/'];
console.log((await a.run('/usr/bin/python3', ['-c', FETCH, ...urls])).stdout.trimEnd());

// A server in b: reached from a over the bad line, from the host through a published port, and from here.
const SERVER = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b'b says hello')
    def log_message(self, *a): pass
print('up', flush=True)
http.server.HTTPServer(('0.0.0.0', 8080), Handler).serve_forever()
`;
const server = b.spawn('/usr/bin/python3', ['-c', SERVER]);
await new Promise((resolve) => server.stdout.once('data', resolve));
console.log(
  'from a:',
  (await a.run('/usr/bin/python3', ['-c', FETCH, 'http://10.1.0.2:8080/'])).stdout.trimEnd(),
);
await using port = await b.net.publish({ guest: 8080 });
console.log('from the host:', await (await fetch(`http://127.0.0.1:${port.port}/`)).text());
const socket = await b.net.connect(8080);
socket.end('GET / HTTP/1.0\r\n\r\n');
let answer = '';
for await (const part of socket) answer += part;
console.log('from here:', answer.slice(answer.lastIndexOf('\n') + 1));
console.log(`captured: ${blocks.length > 10}`);
server.kill('SIGKILL');
