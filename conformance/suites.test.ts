/** What reads the suites' outputs, and one quick part of one of them. All of them: see conformance/README.md. */
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCases } from './suites/cpython-output.js';
import { canRun, runOurs } from './suites/execute.js';

describe("CPython's results", () => {
  test('come from the XML file, subtests included', () => {
    const output = [
      'noise',
      '=== junit',
      '<testsuites><testsuite><testcase name="t.A.one" status="run" time="0.1" />',
      '<testcase name="t.A.two" status="run"><failure>x</failure></testcase>',
      '<testcase name="t.A.two" status="run" />',
      '<testcase name="t.A.three" status="run"><skipped>why</skipped></testcase></testsuite></testsuites>',
    ].join('\n');
    expect(Object.fromEntries(parseCases(output))).toEqual({
      't.A.one': 'ok',
      't.A.two': 'fails',
      't.A.three': 'skipped',
    });
  });

  test('come from the lines when the run did not end', () => {
    const output = [
      'test_a (t.A.test_a) ... ok',
      'test_b (t.A.test_b)',
      'Text. ... ok',
      'test_c (t.A.test_c) ... ',
    ];
    expect(Object.fromEntries(parseCases(output.join('\n')))).toEqual({
      't.A.test_a': 'ok',
      't.A.test_b': 'ok',
      't.A.test_c': 'unfinished',
    });
  });
});

const suite = existsSync('/usr/lib/python3.13/test/test_fcntl.py') && canRun();
test.skipIf(!suite)("CPython's test_fcntl passes", { timeout: 60_000 }, async () => {
  const ran = await runOurs(['/usr/bin/python3.13', '-m', 'test', 'test_fcntl'], { seconds: 60 });
  expect(ran.output).toContain('Result: SUCCESS');
  expect(ran.code).toBe(0);
});
