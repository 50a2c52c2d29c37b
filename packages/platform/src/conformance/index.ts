/**
 * What every platform must do, as vitest cases: `describePlatform('ptrace', ptrace())` in a test file of the
 * platform's package. Guests here are a few machine instructions; nothing of Linux is involved.
 */
import { describe } from 'vitest';
import type { Platform } from '../index.js';

export { describeFuzz, type FuzzOptions } from './fuzz.js';
export { CODE, getReg, RAX, RBX, RIP, RSI, RSP, setReg, TestGuest } from './guest.js';

import { addressSpaceCases } from './address-space.js';
import { breakpointCases } from './breakpoints.js';
import { eventCases } from './events.js';
import { fastPathCases } from './fast-path.js';
import { largeMappingCases } from './large-mappings.js';
import { lifeCases } from './life.js';
import { registerCases } from './registers.js';

export function describePlatform(name: string, platform: Platform): void {
  const probe = platform.probe();
  describe.skipIf(!probe.ok)(`platform ${name}${probe.ok ? '' : ` (cannot run here: ${probe.why})`}`, () => {
    describe('events', () => eventCases(platform));
    describe('registers', () => registerCases(platform));
    describe('breakpoints', () => breakpointCases(platform));
    describe('address spaces', () => addressSpaceCases(platform));
    describe('large mappings', () => largeMappingCases(platform));
    describe('life', () => lifeCases(platform));
    describe('patched call sites', () => fastPathCases(platform));
  });
}
