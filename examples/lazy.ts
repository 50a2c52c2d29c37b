/**
 * `npx tsx examples/lazy.ts`: files that lie on a web server, fetched in ranges when a guest reads them; a
 * device with an ioctl; and what happens when an answer never comes.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Kernel } from '@sandbox/kernel';
import { hostfs, httpFile, jsDevice, jsFile, jsfs, overlay, tmpfs } from '@sandbox/vfs';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join(''));
let fetched = 0;
const server = createServer((request, response) => {
  const m = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const piece = content.subarray(Number(m?.[1]), Number(m?.[2]) + 1);
  fetched += piece.length;
  const range = `bytes ${m?.[1]}-${Number(m?.[1]) + piece.length - 1}/${content.length}`;
  response.writeHead(206, { 'content-range': range, etag: '"1"' }).end(piece);
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/lines`;

const readings = [20, 21, 19];
const sensor = jsDevice({
  poll: () => ({ readable: readings.length > 0 }),
  read: () => `${readings.shift() ?? ''}\n`,
  // _IOR('s', 1, int): how many readings are left.
  ioctl: ({ command, data }) => {
    if (command !== 0x80047301) throw Object.assign(new Error('unknown command'), { code: 'ENOTTY' });
    new DataView(data.buffer).setInt32(0, readings.length, true);
  },
});

{
  await using kernel = await Kernel.create({
    root: overlay({ lower: hostfs('/', { readOnly: true }), upper: tmpfs() }),
    mounts: {
      '/far': overlay({ lower: jsfs({ lines: await httpFile(url) }), upper: tmpfs() }),
      '/js': jsfs({ sensor, never: jsFile({ timeout: 100, read: () => new Promise<string>(() => {}) }) }),
    },
  });
  const sh = async (script: string): Promise<void> => {
    const { stdout, stderr } = await kernel.run('/bin/sh', ['-c', script], { timeout: 60_000 });
    process.stdout.write(stdout + stderr);
  };
  await sh('tail -n 1 /far/lines');
  console.log(fetched < content.length ? 'fetched a part' : 'fetched everything');
  await sh('echo changed here >> /far/lines; tail -n 2 /far/lines; head -n 1 /js/sensor; cat /js/never');
  console.log(`left: ${readings.length}`);
}
server.close();
