import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { parseStrictJson } from '@touchstone/schemas';
import { exchangeCodeOf, exchangeError } from '@touchstone/transport';
import { Connections } from './connections.ts';
import { Errand, MAX_CARRIED_BYTES, type Return } from './errand.ts';
import { readFrame, writeFrame } from './frame.ts';

/** Of evidence with its logs, in base64url. */
const MAX_REQUEST_BYTES = 33_554_432;
const ASKING_MS = 30_000;
/** An agent has one conversation with its TPM at a time, and few questions beside it. */
const MAX_ERRANDS = 64;

/**
 * Goes where it is sent, for whoever may connect to the socket: the mode of the socket and of its directory say who. It
 * has no key, no state and no opinion: bytes there, bytes back, bounded, and JSON.
 */
export async function serveCourier(options: {
  readonly socketPath: string;
  /** Of the socket. */
  readonly mode: number;
}): Promise<{ close(): Promise<void> }> {
  const { socketPath, mode } = options;
  const connections = new Connections();
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    // Whoever asked has gone: there is nobody to tell.
    socket.on('error', () => socket.destroy());
    run(connections, socket).catch(() => socket.destroy());
  });
  server.maxConnections = MAX_ERRANDS;
  await mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
  await rm(socketPath, { force: true });
  await listening(server, socketPath, mode);
  return {
    close: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      await connections.close();
    },
  };
}

async function run(connections: Connections, socket: Socket): Promise<void> {
  const late = setTimeout(() => socket.destroy(), ASKING_MS);
  const { head, body } = await readFrame(socket, Errand, MAX_REQUEST_BYTES);
  clearTimeout(late);
  const { answer, bytes } = await returnOf(connections, head, body);
  writeFrame(socket, answer, bytes);
  // An asker that does not read holds its place no longer than this.
  const unread = setTimeout(() => socket.destroy(), ASKING_MS);
  socket.on('close', () => clearTimeout(unread));
}

async function returnOf(
  connections: Connections,
  errand: Errand,
  body: Buffer,
): Promise<{ answer: Return; bytes: Uint8Array }> {
  try {
    const { exchange, pin } = connections.to(errand);
    const { method, path, timeoutMs } = errand;
    const maxBytes = Math.min(errand.maxBytes, MAX_CARRIED_BYTES);
    const asked = { method, path, maxBytes, timeoutMs, body: errand.hasBody ? body : undefined };
    const { statusCode, retryAfterSeconds = null, date, bytes } = await exchange(asked);
    requireJson(bytes, maxBytes);
    const when = date?.toISOString() ?? null;
    return {
      answer: { status: statusCode, retryAfterSeconds, date: when, pin: pin() },
      bytes,
    };
  } catch (error) {
    const failed = exchangeCodeOf(error) ?? 'UNREACHABLE';
    return { answer: { failed, detail: lineOf(error) }, bytes: Buffer.alloc(0) };
  }
}

function requireJson(bytes: Uint8Array, maxBytes: number): void {
  try {
    parseStrictJson(bytes, { maxBytes });
  } catch (cause) {
    throw exchangeError('ANSWER_MALFORMED', 'no strict JSON', cause);
  }
}

function lineOf(error: unknown): string {
  const text = error instanceof Error && 'detail' in error ? error.detail : error;
  return String(text)
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .slice(0, 1_024);
}

async function listening(server: Server, path: string, mode: number): Promise<void> {
  // Nobody may connect between bind and chmod, so the socket is made closed to others.
  const umask = process.umask(0o777 & ~mode);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
}
