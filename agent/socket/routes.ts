import { StartQuestion, type AgentStatus } from '@touchstone/schemas';
import { AppError, createEdge, readJson } from '@touchstone/transport';
import type { Logger } from 'pino';
import { decideStart, type StartGate } from '../gate/starts.ts';

const QUESTION_MAX_BYTES = 4_194_304;

/** The agent's unix socket: DESIGN section 4, Start a VM, step 1. Its file mode is its access control. */
export function agentEdge(options: {
  readonly log: Logger;
  readonly status: () => AgentStatus;
  readonly gate: StartGate;
}) {
  const app = createEdge({ log: options.log });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/status') return next();
    if (ctx.method !== 'GET') throw new AppError('METHOD_NOT_ALLOWED', 405);
    ctx.body = options.status();
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/starts') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const question = await readJson(ctx, StartQuestion, { maxBytes: QUESTION_MAX_BYTES });
    ctx.body = await decideStart(options.gate, question);
    return undefined;
  });
  return app;
}
