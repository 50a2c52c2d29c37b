import { RENAME_EXCHANGE } from '@sandbox/abi';
import { memfs } from '@sandbox/vfs';
import { Volume } from 'memfs';
import { describe, it, vi } from 'vitest';
import { behavesLikeTmpfs, CONTENT } from '../support/model.js';
import { prepared } from '../support/specs.js';

vi.setConfig({ testTimeout: 60_000 });

describe('a memfs volume behaves like tmpfs', () => {
  it('but for exchanging names', () =>
    behavesLikeTmpfs(
      () => prepared(CONTENT, memfs(new Volume())),
      150,
      (o) => o.op === 'rename' && o.flags === RENAME_EXCHANGE,
    ));
});
