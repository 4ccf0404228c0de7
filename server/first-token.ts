import type { Logger } from 'pino';
import { answerOnce } from './answer-once.ts';
import type { ServerConfig } from './config.ts';
import { createFirstToken } from './services/api-tokens.ts';

/** The first operator's, of a database that has none. */
export function firstToken(config: ServerConfig, log: Logger): Promise<void> {
  return answerOnce(config, log, ({ database, clock }) =>
    createFirstToken(database, clock.now(), config.quorum),
  );
}
