import { type Proof, ProveQuestion, type ResultAnswer } from '@touchstone/schemas';
import { AppError, bucketsBy, createEdge, readJson } from '@touchstone/transport';
import type { Logger } from 'pino';
import { agentError, isTpmError } from '../codes.ts';

/** What the agent says to a program. */
export type ProgramAnswers = {
  readonly result: () => ResultAnswer | null;
  readonly prove: (nonce: string) => Promise<Proof>;
};

/** A quote takes a chip seconds, and it has one at a time. */
const PROOFS = { burst: 5, perSecond: 0.2 };
const QUESTIONS = { burst: 100, perSecond: 20 };
const QUESTION_MAX_BYTES = 1_024;

/**
 * The socket of one program. It is answered two questions and no other: what the server found, and a proof for a
 * nonce, one at a time.
 */
export function programEdge(name: string, answers: ProgramAnswers, log: Logger) {
  const [takeQuestion, takeProof] = [bucketsBy(QUESTIONS), bucketsBy(PROOFS)];
  let proving = false;
  const app = createEdge({ log });
  app.use(async (ctx, next) => {
    takeQuestion(name);
    await next();
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/result') return next();
    if (ctx.method !== 'GET') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const result = answers.result();
    if (result === null) throw agentError('RESULT_UNKNOWN');
    ctx.body = result;
    return undefined;
  });
  app.use(async (ctx, next) => {
    if (ctx.path !== '/v1/prove') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const { nonce } = await readJson(ctx, ProveQuestion, { maxBytes: QUESTION_MAX_BYTES });
    if (proving) throw agentError('PROOF_PENDING', { status: 429, retryAfterSeconds: 5 });
    takeProof(name);
    proving = true;
    try {
      ctx.body = await answers.prove(nonce).catch(withoutDetail);
    } finally {
      proving = false;
    }
    return undefined;
  });
  return app;
}

/** A program is told that there is no proof; why is in the agent's log, for those who own the host. */
function withoutDetail(cause: unknown): never {
  if (isTpmError(cause)) throw new AppError(cause.code, 503, { title: cause.title, cause });
  throw cause;
}
