import { createServer } from 'node:net';

/** A port that is free with the one after it: `touchstone up` gives the CA the next. */
export async function adjacentPorts(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = await freeFor(0);
    if (port < 65_535 && (await freeFor(port + 1).catch(() => null)) !== null) return port;
  }
  throw new Error('no two ports are free beside each other');
}

function freeFor(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
