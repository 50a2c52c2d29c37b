/**
 * The stack and the host's own TCP over a bad path, and what a third makes of a capture. Needs root, TAP
 * devices, tshark; skipped without.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { World, whyNot } from '../../bench/peers/world.js';

const reason = whyNot();
const tshark = spawnSync('tshark', ['--version']).status === 0;
const PATH = { latency: 20, loss: 0.03, reorder: 0.05 };

describe.skipIf(reason !== null)(`peers${reason === null ? '' : `: ${reason}`}`, () => {
  test.each(['stack-linux', 'linux-stack'] as const)(
    '%s: through loss, delay and reordering all bytes arrive',
    { timeout: 150_000 },
    async (pair) => {
      const transfer = await new World(pair, PATH, PATH).run(500_000, 120);
      expect(transfer).toMatchObject({ bytes: 500_000, whole: true });
    },
  );

  test.skipIf(!tshark).each(['stack-linux', 'linux-stack'] as const)(
    '%s: nothing for an expert to remark (tshark)',
    { timeout: 150_000 },
    async (pair) => {
      const blocks: Uint8Array[] = [];
      const world = new World(pair, {}, {}, (block) => blocks.push(block.slice()));
      expect(await world.run(2_000_000, 120)).toMatchObject({ bytes: 2_000_000, whole: true });
      const dir = mkdtempSync(join(tmpdir(), 'peers-'));
      try {
        const file = join(dir, 'capture.pcapng');
        writeFileSync(file, Buffer.concat(blocks));
        const checks = ['ip.check_checksum', 'tcp.check_checksum'].flatMap((name) => ['-o', `${name}:TRUE`]);
        // Full windows are no fault: the receiver was asleep. Nor is it to say that a segment came twice (RFC
        // 2883), which a peer whose acknowledgements were late sends.
        const notes = ['tcp.analysis.window_full', 'tcp.analysis.zero_window', 'tcp.options.sack.dsack'];
        const filter = ['_ws.expert.severity >= 0x600000', ...notes.map((note) => `!${note}`)].join(' && ');
        const found = execFileSync('tshark', ['-r', file, ...checks, '-Y', filter], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        expect(found).toBe('');
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
});
