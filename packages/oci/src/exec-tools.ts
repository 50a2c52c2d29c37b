/** What `exec` needs of the host besides Node; a bundle of its own, without a kernel. */
export { hostSendDescriptors } from '@sandbox/native';
export { descriptorOf, sendConsole } from './sandbox/console.js';
export { keepTerminal } from './sandbox/own-terminal.js';
export { startProxy } from './sandbox/proxy.js';
