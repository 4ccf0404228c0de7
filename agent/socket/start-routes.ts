import { type DiskName, type Door, type StartAnswer, StartQuestion } from '@touchstone/schemas';
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
    const answer = withKeysWaiting(decided, keys, { waiting, door: question.door });
    if (answer.decision === 'refused' && decided.decision === 'permitted') {
      await gate.refused(answer);
    } else if (answer.decision === 'permitted') {
      const { vm, requestId, permitId: permit, sealed } = answer;
      const { door = 'run', pid, command } = question;
      await watch.permitted({ vm, name: null, door, permit, requestId, pid, command, sealed });
    }
    ctx.body = answer;
    return undefined;
  };

/** A start whose keys cannot wait for it is none. */
function withKeysWaiting(
  answer: StartAnswer,
  keys: ReadonlyMap<DiskName, Buffer>,
  { waiting, door }: { readonly waiting: WaitingKeys; readonly door: Door | undefined },
): StartAnswer {
  if (keys.size === 0) return answer;
  if (answer.decision !== 'permitted') {
    overwriteKeys(keys);
    return answer;
  }
  const { requestId, vm, permitId } = answer;
  const sealed = [...keys.keys()];
  try {
    // systemd asks in one process and starts the VM in another, to which no pipe leads.
    if (door === 'systemd') throw agentError('SEALED_DISKS_DOOR', { detail: sealed.join(', ') });
    waiting.hold(permitId, keys);
    return { ...answer, sealed };
  } catch (error) {
    overwriteKeys(keys);
    const findings = [refusalFinding(error, `VM ${vm}`)];
    return { decision: 'refused', requestId, vm, code: codeOf(error), findings };
  }
}
