import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defaultConfig, messageOf, type Outcome } from '../support/runtime.js';
import { type Answer, BUNDLES, plain, STEPS } from './steps.js';

const SERVE = 'trap "exit 5" TERM; while :; do sleep 0.05; done';
const TRIES = 600;

/** Play the steps with the runtime that `run` calls in `dir`, where bundles are made for it. */
export async function play(
  dir: string,
  rootfs: string,
  run: (args: readonly string[], cwd: string) => Promise<Outcome>,
): Promise<Answer[]> {
  for (const [name, change] of Object.entries(BUNDLES)) {
    const config = defaultConfig(rootfs, ['/bin/sh', '-c', SERVE]);
    change(config);
    mkdirSync(join(dir, name), { recursive: true });
    writeFileSync(join(dir, name, 'config.json'), JSON.stringify(config));
  }
  const answers: Answer[] = [];
  for (const { args, until } of STEPS) {
    const outcome = await run(args, dir);
    answers.push({ args, code: outcome.code, message: plain(lastMessage(outcome), dir) });
    if (until === undefined) continue;
    const [id, status] = until;
    for (let i = 0; i < TRIES; i++) {
      const { stdout } = await run(['state', id], dir);
      if (stdout !== '' && (JSON.parse(stdout) as { status: string }).status === status) break;
      await pause(20);
    }
  }
  return answers;
}

/** Of the lines in the log, the last error: engines take that one. */
function lastMessage(outcome: Outcome): string {
  const lines = outcome.stderr.split('\n').filter((line) => line.includes('level=error'));
  return lines.length === 0 ? '' : messageOf({ ...outcome, stderr: lines.at(-1)! });
}
