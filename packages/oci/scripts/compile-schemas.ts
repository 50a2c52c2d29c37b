import { Ajv } from 'ajv';
import standalone from 'ajv/dist/standalone/index.js';
import { CONFIG_SCHEMA, PROCESS_SCHEMA } from '../src/config/schema.js';

/** An ES module with the validators of src/config/compiled.ts. */
export function compiledSchemas(): string {
  const ajv = new Ajv({ allErrors: false, strict: true, code: { source: true, esm: true } });
  ajv.addSchema({ ...CONFIG_SCHEMA, $id: 'config' });
  ajv.addSchema({ ...PROCESS_SCHEMA, $id: 'process' });
  return standalone.default(ajv, { validateConfig: 'config', validateProcess: 'process' });
}
