import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Docker, startDocker, withoutDocker } from './support/docker.js';
import { type Engine, engineCases, LIMIT, must } from './support/engine.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();
const skipped = missing || withoutDocker;
const TRIES = 1200;

let daemon: Docker;
let engine: Engine;

describe.skipIf(skipped)(titled('Docker', skipped), () => {
  beforeAll(async () => {
    const work = join(dir(), 'docker');
    mkdirSync(work);
    const config = join(work, 'written.json');
    const install = ['install', '--engine', 'docker', '--config', config, '--write'];
    expect((await run(install)).stdout).toMatch(/written/);
    const before = readFileSync(config, 'utf8');
    expect((await run(install)).stdout).toMatch(/already/);
    expect(readFileSync(config, 'utf8')).toBe(before);
    daemon = await startDocker(work, config, true);
    engine = {
      command: 'docker',
      before: ['-H', daemon.socket],
      ask: daemon.docker,
      run: ['run', '--runtime=sandbox'],
      alone: [],
      publish: '127.0.0.1::80',
      page: async (name) => answerOf((await must(engine, 'port', name, '80')).trim()),
      pids: 'PIDs',
    };
    execFileSync('tar', ['-C', join(dir(), 'rootfs'), '-cf', join(work, 'root.tar'), '.']);
    await must(engine, 'import', '-c', 'ENV PATH=/bin', join(work, 'root.tar'), 'test');
  }, LIMIT);

  afterAll(async () => {
    await daemon?.stop();
  }, LIMIT);

  engineCases(() => engine, dir);

  it('asks the name servers of --dns', { timeout: LIMIT }, async () => {
    // An address for documentation (RFC 5737).
    const gateway = '203.0.113.1';
    await engine.ask('network', 'rm', 'named');
    await must(engine, 'network', 'create', '--subnet=203.0.113.0/28', `--gateway=${gateway}`, 'named');
    const server = createSocket('udp4', (query, { address, port }) => {
      server.send(answerTo(query), port, address);
    });
    try {
      server.bind(53, gateway);
      await once(server, 'listening');
      const asks = ['test', 'busybox', 'nslookup', 'somewhere.example'];
      const ran = await engine.ask(...engine.run, '--rm', '--network=named', `--dns=${gateway}`, ...asks);
      expect(ran.stdout).toMatch(/192\.0\.2\.77/);
    } finally {
      server.close();
      await must(engine, 'network', 'rm', 'named');
    }
  });
});

/** 192.0.2.77 for who asks for an address of IPv4, nothing for others (RFC 1035, 4.1). */
function answerTo(query: Buffer): Buffer {
  const end = query.indexOf(0, 12) + 5;
  const question = query.subarray(12, end);
  const isA = question.readUInt16BE(question.length - 4) === 1;
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180, 2);
  for (const [i, n] of [1, isA ? 1 : 0, 0, 0].entries()) header.writeUInt16BE(n, 4 + 2 * i);
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 77]);
  return Buffer.concat([header, question, isA ? answer : Buffer.alloc(0)]);
}

async function answerOf(address: string): Promise<string> {
  for (let i = 0; ; i++) {
    try {
      return await (await fetch(`http://${address}/index.html`)).text();
    } catch (error) {
      if (i >= TRIES) throw error;
      await pause(50);
    }
  }
}
