import { type DiskName, type StartAnswer, StartQuestion } from '@touchstone/schemas';
import { AppError, readJson, type Route } from '@touchstone/transport';
import { startOfCommand } from '../gate/asked-start.ts';
import type { FileReader } from '../images/file-reader.ts';
import type { StartGate } from '../gate/starts.ts';
import type { Watch } from '../watch/watch.ts';
import { agentError, codeOf, refusalFinding } from '../codes.ts';
import { overwriteKeys, type WaitingKeys } from '../keys/waiting-keys.ts';

const QUESTION_MAX_BYTES = 4_194_304;

type Parts = {
  readonly gate: StartGate;
  readonly reader: FileReader;
  readonly watch: Pick<Watch, 'permitted'>;
  readonly waitingKeys: WaitingKeys;
};

/** May a command start a VM? */
export const startRoutes =
  ({ gate, reader, watch, waitingKeys: waiting }: Parts): Route =>
  async (ctx, next) => {
    if (ctx.path !== '/v1/starts') return next();
    if (ctx.method !== 'POST') throw new AppError('METHOD_NOT_ALLOWED', 405);
    const question = await readJson(ctx, StartQuestion, { maxBytes: QUESTION_MAX_BYTES });
    const { answer: decided, keys } = await gate.decide(startOfCommand(question, reader));
    const answer = await given(decided, keys, { question, waiting, watch });
    if (answer.decision === 'refused' && decided.decision === 'permitted')
      await gate.became('refused', answer);
    ctx.body = answer;
    return undefined;
  };

/** A start that is not written down, or whose keys cannot wait for it, is none. */
async function given(
  answer: StartAnswer,
  keys: ReadonlyMap<DiskName, Buffer>,
  by: {
    readonly question: StartQuestion;
    readonly waiting: WaitingKeys;
    readonly watch: Parts['watch'];
  },
): Promise<StartAnswer> {
  if (answer.decision !== 'permitted') {
    overwriteKeys(keys);
    return answer;
  }
  const { requestId, vm, permitId: permit } = answer;
  const { door = 'run', pid, command } = by.question;
  const sealed = [...keys.keys()];
  const withKeys = keys.size === 0 ? {} : { sealed };
  try {
    // systemd asks in one process and starts the VM in another, to which no pipe leads.
    if (keys.size > 0 && door === 'systemd')
      throw agentError('SEALED_DISKS_DOOR', { detail: sealed.join(', ') });
    if (keys.size > 0) by.waiting.hold(permit, keys);
    const start = { vm, name: null, door, permit, requestId, pid, command };
    await by.watch.permitted({ ...start, ...withKeys });
    return { ...answer, ...withKeys };
  } catch (error) {
    overwriteKeys(keys);
    by.waiting.forget(permit);
    const findings = [refusalFinding(error, `VM ${vm}`)];
    return { decision: 'refused', requestId, vm, code: codeOf(error), findings };
  }
}
