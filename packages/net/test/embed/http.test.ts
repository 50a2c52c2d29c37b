import { createServer, request } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { connect, StackServer, type StackSocket } from '../../src/index.js';
import { at, loopbackStack } from '../support/net.js';

function fetchThrough(socket: StackSocket, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ path, createConnection: () => socket as unknown as Socket }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        body += part;
      });
      answer.on('end', () => resolve(body));
    });
    call.on('error', reject);
    call.end();
  });
}

describe('streams over the stack', () => {
  test('a node:http server inside', async () => {
    const { stack } = loopbackStack();
    const http = createServer((message, answer) => answer.end(`you asked for ${message.url}`.repeat(10000)));
    using server = new StackServer(stack, at('127.0.0.1', 8080)).handOver(http);
    const body = await fetchThrough(connect(stack, at('127.0.0.1', 8080)), '/x');
    expect(body).toBe('you asked for /x'.repeat(10000));
    expect(server.address()).toEqual({ address: '127.0.0.1', port: 8080, family: 'IPv4' });
  });

  test('refused', async () => {
    const { stack } = loopbackStack();
    const socket = connect(stack, at('127.0.0.1', 1));
    const error = await new Promise<Error & { code?: string }>((resolve) => socket.on('error', resolve));
    expect(error.code).toBe('ECONNREFUSED');
  });

  test('halves close one after the other', async () => {
    const { stack } = loopbackStack();
    using server = new StackServer(stack, at('127.0.0.1', 0));
    server.on('connection', (socket) => {
      let got = '';
      socket.on('data', (part: Buffer) => {
        got += part.toString();
      });
      socket.on('end', () => socket.end(got.toUpperCase()));
    });
    const socket = connect(stack, at('127.0.0.1', server.address().port));
    socket.end('shout');
    let answer = '';
    for await (const part of socket) answer += String(part);
    expect(answer).toBe('SHOUT');
  });
});
