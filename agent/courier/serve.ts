import { mkdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Connections } from './connections.ts';
import type { Errand } from './errand.ts';
import { MAX_CARRIED_BYTES, readFrame, writeFrame } from './frame.ts';

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
      connections.close();
    },
  };
}

async function run(connections: Connections, socket: Socket): Promise<void> {
  const late = setTimeout(() => socket.destroy(), ASKING_MS);
  const { head, body } = await readFrame(socket, MAX_REQUEST_BYTES);
  clearTimeout(late);
  // Its agent wrote it, by its schema; an answer that is too large for that one is cut off here already.
  const errand = JSON.parse(head.toString()) as Errand;
  const maxBytes = Math.min(errand.maxBytes, MAX_CARRIED_BYTES);
  const { answer, bytes } = await connections.carry({ ...errand, maxBytes }, body);
  writeFrame(socket, answer, bytes);
  // An asker that does not read holds its place no longer than this.
  const unread = setTimeout(() => socket.destroy(), ASKING_MS);
  socket.on('close', () => clearTimeout(unread));
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
