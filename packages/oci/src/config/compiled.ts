import { Ajv, type ValidateFunction } from 'ajv';
import { CONFIG_SCHEMA, PROCESS_SCHEMA } from './schema.js';

// The build replaces this module by the code ajv generates here, so that the command need not carry ajv.
const ajv = new Ajv({ allErrors: false, strict: true });
export const validateConfig: ValidateFunction = ajv.compile(CONFIG_SCHEMA);
export const validateProcess: ValidateFunction = ajv.compile(PROCESS_SCHEMA);
