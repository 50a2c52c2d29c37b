/**
 * What reads the suites' outputs, and one quick part of one of them. All of them: see conformance/README.md.
 */
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseCases, splitModules, whyNone } from './suites/cpython-output.js';
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

  test('of several modules are told apart by what each printed', () => {
    const printed = (second: string) =>
      [
        '0:00:00 load avg: 1.00 [ 1/20] test_a',
        'Ran 2 tests in 0.250s',
        '0:00:01 load avg: 1.00 [ 2/20] test_b',
        'test_b skipped -- Windows only',
        '0:00:01 load avg: 1.00 [13/20] test_c',
        `Ran ${second} test in 1.500s`,
        '=== junit',
        '<testsuites><testsuite tests="2"><testcase name="a.A.one" status="run" /><testcase name="doc" status="run" />',
        '</testsuite><testsuite tests="1"><testcase name="c.C.one" status="run"><error>x</error></testcase></testsuite></testsuites>',
      ].join('\n');
    const parts = splitModules(printed('1'));
    const cases = [...parts].map(([name, part]) => [name, Object.fromEntries(parseCases(part.output))]);
    expect(Object.fromEntries(cases)).toEqual({
      test_a: { 'a.A.one': 'ok', doc: 'ok' },
      test_b: {},
      test_c: { 'c.C.one': 'fails' },
    });
    expect(whyNone(parts.get('test_b')?.output ?? '')).toBe('Windows only');
    expect(parts.get('test_a')?.seconds).toBe(0.25);
    // A suite that is not the module's.
    expect([...splitModules(printed('7')).keys()]).toEqual(['test_a', 'test_b']);
  });
});

const suite = existsSync('/usr/lib/python3.13/test/test_fcntl.py') && canRun();
test.skipIf(!suite)("CPython's test_fcntl passes", { timeout: 60_000 }, async () => {
  const ran = await runOurs(['/usr/bin/python3.13', '-m', 'test', 'test_fcntl'], { seconds: 60 });
  expect(ran.output).toContain('Result: SUCCESS');
  expect(ran.code).toBe(0);
});
