import type { PluginBuild } from 'esbuild';
import { commandBundle } from '../../scripts/command/bundle.js';
import { compiledSchemas } from './scripts/compile-schemas.js';

/** ajv writes code from the schemas; with that at hand the command needs no ajv. */
const schemasCompiled = {
  name: 'schemas-compiled',
  setup(build: PluginBuild): void {
    build.onLoad({ filter: /\/config\/compiled\.ts$/ }, () => ({
      contents: compiledSchemas(),
      loader: 'js',
    }));
  },
};

export default commandBundle({
  dir: import.meta.dirname,
  plugins: [schemasCompiled],
  warmUp: ['--root', '/tmp/sandbox-oci-warm-up', 'features'],
});
