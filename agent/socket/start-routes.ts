import { StartQuestion } from '@touchstone/schemas';
import { AppError, readJson, type Route } from '@touchstone/transport';
import { startOfCommand } from '../gate/asked-start.ts';
import type { FileReader } from '../images/file-reader.ts';
import type { StartGate } from '../gate/starts.ts';
import type { Watch } from '../watch/watch.ts';

const QUESTION_MAX_BYTES = 4_194_304;

/** May a command start a VM? */
export const startRoutes =
  (gate: StartGate, reader: FileReader, watch: Pick<Watch, 'permitted'>): Route =>
  async (ctx, next) => {
    if (ctx.path !== '/v1/starts') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const question = await readJson(ctx, StartQuestion, { maxBytes: QUESTION_MAX_BYTES });
    const { answer } = await gate.decide(startOfCommand(question, reader));
    if (answer.decision === 'permitted') {
      const { vm, requestId, permitId: permit } = answer;
      const { door = 'run', pid, command } = question;
      await watch.permitted({ vm, name: null, door, permit, requestId, pid, command });
    }
    ctx.body = answer;
    return undefined;
  };
