// node stream.mjs URL PROTOCOL [INPUT]: a connection of the CRI's streaming server, whose frames begin with a
// byte for their channel. Sends INPUT on channel 0, and prints what comes, a JSON line a frame: [channel,
// text]. Run in the network namespace of that server.
import WebSocket from 'ws';

const [, , url, protocol, input] = process.argv;
const socket = new WebSocket(url.replace(/^http/, 'ws'), protocol);
socket.on('open', () => {
  if (input !== undefined) socket.send(Buffer.concat([Buffer.of(0), Buffer.from(input)]));
});
socket.on('message', (frame) =>
  console.log(JSON.stringify([frame[0], frame.subarray(1).toString('latin1')])),
);
socket.on('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
socket.on('close', () => process.exit());
