/**
 * The few pieces of vitest's interface the platform's suite uses, for a place where vitest itself would take
 * minutes to start.
 */

import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

type Body = (context: { skip(why: string): void }) => unknown;
interface Case {
  readonly name: string;
  readonly body: Body;
  readonly timeout: number;
}

const TIMEOUT = 300_000;
const cases: Case[] = [];
const skipped: string[] = [];
const path: string[] = [];

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = chai.expect as unknown as typeof import('vitest')['expect'];

export function describe(name: string, body: () => void): void {
  path.push(name);
  body();
  path.pop();
}
describe.skipIf = (skip: boolean) => (name: string, body: () => void) => {
  if (skip) skipped.push(name);
  else describe(name, body);
};

export function it(name: string, ...rest: unknown[]): void {
  const body = rest.find((r) => typeof r === 'function') as Body;
  const options = rest.find((r) => typeof r === 'object') as { timeout?: number } | undefined;
  cases.push({
    name: [...path, name].join(' > '),
    body,
    timeout: Math.max(TIMEOUT, (options?.timeout ?? 0) * 10),
  });
}
it.each =
  (table: readonly unknown[]) =>
  (name: string, ...rest: unknown[]): void => {
    const body = rest.find((r) => typeof r === 'function') as (...row: unknown[]) => unknown;
    for (const row of table) {
      const args = Array.isArray(row) ? row : [row];
      it(name.replace('%s', String(args[0])), ...rest.filter((r) => typeof r === 'object'), () =>
        body(...args),
      );
    }
  };

/**
 * Run all that was described, or what of it has one of `only` in its name. The number of failures; what could
 * not run here is one.
 */
export async function runCases(only: readonly string[]): Promise<number> {
  let failures = 0;
  for (const name of skipped) {
    failures++;
    console.log(`FAIL ${name}`);
  }
  for (const { name, body, timeout } of cases.splice(0)) {
    if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
    const started = performance.now();
    const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
    let timer: NodeJS.Timeout | undefined;
    try {
      await Promise.race([
        body({ skip: (why) => console.log(`part of this is left out: ${why}`) }),
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(new Error('timed out')), timeout);
        }),
      ]);
      console.log(`ok   ${name} (${seconds()} s)`);
    } catch (error) {
      failures++;
      console.log(`FAIL ${name} (${seconds()} s)\n${error instanceof Error ? error.stack : String(error)}`);
      if (error instanceof Error && error.cause) console.log(error.cause);
    } finally {
      clearTimeout(timer);
    }
  }
  return failures;
}
