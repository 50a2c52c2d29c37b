/** Internet checksum and wire formats, protocols, sockets and links: see README.md. */
export { internetChecksum } from './wire/checksum.js';
