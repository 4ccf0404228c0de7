import type { Server } from 'node:http';

/** Of what is let in at once so much may be connections that are kept between two requests. */
const KEPT = 3 / 4;

/**
 * No more connections than these. Where most of them are taken, answers close theirs: whoever asks again and again, as the
 * hosts of a large fleet do, each by a connection that it keeps, comes in turn then and costs a handshake each time, and
 * nobody is turned away for those who merely wait.
 */
export function boundConnections(server: Server, most: number): void {
  server.maxConnections = most;
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
  });
  server.prependListener('request', (_asked, answer) => {
    if (open > most * KEPT) answer.shouldKeepAlive = false;
  });
}
