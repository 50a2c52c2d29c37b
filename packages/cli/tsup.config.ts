import { apart, commandBundle } from '../../scripts/command/bundle.js';

export default commandBundle({
  dir: import.meta.dirname,
  entry: { strace: '../strace/src/index.ts' },
  // The printing of system calls knows every name of the ABI; only runs with --strace shall pay for that.
  plugins: [apart('strace')],
  warmUp: ['run', '--', '/bin/true'],
});
