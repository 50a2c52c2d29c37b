/**
 * What `exec` and further containers of a sandbox need of the host besides Node; a bundle of its own, without
 * a kernel.
 */

export { sendRequest } from '../control/send.js';
export { sendConsole, sizeOf } from '../sandbox/console.js';
export { keepTerminal } from '../sandbox/own-terminal.js';
export { startProxy } from '../sandbox/proxy.js';
