import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askRunc, withoutRunc } from './runc/ask-runc.js';
import { play } from './runc/play.js';
import { type Answer, STEPS } from './runc/steps.js';
import { missing, titled, useRuntime } from './support/runtime.js';

const { run, dir } = useRuntime();
const recorded = JSON.parse(readFileSync(new URL('runc/recorded.json', import.meta.url), 'utf8')) as Answer[];
/** Exit status and message, or only whether it worked where there is a reason. */
const shape = (answers: readonly Answer[]) =>
  answers.map(({ args, code, message }, i) => {
    const command = args.join(' ');
    return STEPS[i]?.differs === undefined ? [command, code, message] : [command, code === 0];
  });

describe.skipIf(missing)(titled('answers to a life of containers', missing), () => {
  it('are those runc was recorded to give', { timeout: 600_000 }, async () => {
    const work = join(dir(), 'steps');
    mkdirSync(work);
    const answers = await play(work, join(dir(), 'rootfs'), (args, cwd) => run(args, { cwd }));
    expect(shape(answers)).toEqual(shape(recorded));
  });

  it.skipIf(withoutRunc)(
    titled('are those of the runc here', withoutRunc),
    { timeout: 600_000 },
    async () => {
      const work = mkdtempSync(join(dir(), 'runc-'));
      const root = ['--root', join(work, 'state')];
      const answers = await play(work, join(dir(), 'rootfs'), (args, cwd) =>
        askRunc([...root, ...args], cwd),
      );
      expect(shape(recorded)).toEqual(shape(answers));
    },
  );
});
