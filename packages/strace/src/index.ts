export { Strace } from './strace.js';
