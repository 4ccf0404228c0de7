import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** Connections whose other end has to get rid of them by itself. */
export interface IdleConnections {
  /** How many are open still. */
  open(): number;
  /** Resolves when all were ended by the other end. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

function held(sockets: readonly net.Socket[]): IdleConnections {
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.resume();
  }
  return {
    open: () => sockets.filter((socket) => !socket.closed).length,
    ended: Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))),
    ),
    stop: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

const addressOf = (url: string) => ({
  host: new URL(url).hostname,
  port: Number(new URL(url).port),
});

/** TCP and nothing more: no handshake ever begins. */
export async function withoutHandshake(url: string, count: number): Promise<IdleConnections> {
  const sockets = Array.from({ length: count }, () => net.connect(addressOf(url)));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  return held(sockets);
}

/** TLS, and then `text`, of which a byte more comes each quarter of a second: Slowloris. */
export async function slowly(url: string, count: number, text: string): Promise<IdleConnections> {
  const sockets = Array.from({ length: count }, () =>
    tls.connect({ ...addressOf(url), rejectUnauthorized: false }),
  );
  await Promise.all(sockets.map((socket) => once(socket, 'secureConnect')));
  for (const socket of sockets) socket.write(text);
  const dripping = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('a');
  }, 250);
  const connections = held(sockets);
  void connections.ended.then(() => clearInterval(dripping));
  return {
    ...connections,
    stop: () => {
      clearInterval(dripping);
      connections.stop();
    },
  };
}
