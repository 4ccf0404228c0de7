import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

/**
 * A gate of the demonstration's own, in the place of the agent's socket, that lets every VM start.
 * It shows that the demonstration would notice: neither agent nor server has such a switch.
 */
export async function putOpenGate(stateDir: string): Promise<Server> {
  const path = join(stateDir, 'agent.sock');
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { vm } = JSON.parse(body) as { vm: string };
      response.setHeader('content-type', 'application/json');
      response.end(
        JSON.stringify({
          decision: 'permitted',
          requestId: randomUUID(),
          permitId: randomUUID(),
          vm,
          definitionDigest: '0'.repeat(64),
        }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  return server;
}
