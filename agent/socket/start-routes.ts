import { StartQuestion } from '@touchstone/schemas';
import { AppError, readJson, type Route } from '@touchstone/transport';
import { startOfCommand } from '../gate/asked-start.ts';
import type { FileReader } from '../images/file-reader.ts';
import type { StartGate } from '../gate/starts.ts';

const QUESTION_MAX_BYTES = 4_194_304;

/** May a command start a VM? */
export const startRoutes =
  (gate: StartGate, reader: FileReader): Route =>
  async (ctx, next) => {
    if (ctx.path !== '/v1/starts') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const question = await readJson(ctx, StartQuestion, { maxBytes: QUESTION_MAX_BYTES });
    const { answer } = await gate.decide(startOfCommand(question, reader));
    ctx.body = answer;
    return undefined;
  };
