import { packageConfig } from '../../scripts/tsup-package.js';

export default packageConfig({
  call: 'src/call/index.ts',
  time: 'src/time/index.ts',
  mm: 'src/mm/index.ts',
  process: 'src/process/index.ts',
  files: 'src/files/index.ts',
  views: 'src/views/index.ts',
  table: 'src/table/index.ts',
});
