/**
 * Names the tests that passed at their second try only: `vitest run --retry=1
 * --reporter=./scripts/unsteady-reporter.ts --reporter=default`.
 */
import type { Reporter, TestCase } from 'vitest/node';

export default class UnsteadyReporter implements Reporter {
  private readonly unsteady: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (!test.diagnostic()?.flaky) return;
    const first = test.result().errors?.[0]?.message ?? 'no error kept';
    this.unsteady.push(`${test.module.relativeModuleId} > ${test.fullName}: ${first}`);
  }

  onTestRunEnd(): void {
    for (const test of this.unsteady) console.log(`unsteady, passed at the second try: ${test}`);
  }
}
