/** What the other packages use of this layer. */
export { AnonInode } from '../process/files/anon-inode.js';
export { ioOf } from './io-state.js';
export { signalUrgent } from './locks/fasync.js';
export { copyOutInt } from './pipe/pipe-file.js';
export { SocketAddress } from './socket/address.js';
export { ControlWriter } from './socket/control-out.js';
export { NOBODY, ReceiveMessage, SendMessage, type Ucred } from './socket/message.js';
export { SocketOptions } from './socket/options.js';
export { PacketFilter } from './socket/packet-filter.js';
export { SocketFile } from './socket/socket-file.js';
export { EmbedderTerminal } from './tty/embedder-terminal.js';
export { ttysOf } from './tty/ttys.js';
export { cmsgAlign } from './unix/control.js';
export { STATE_ESTABLISHED, STATE_LISTEN, UnixSocket } from './unix/socket.js';
