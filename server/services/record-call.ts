import { appendAudit } from '../store/audit.ts';
import { type Actor, auditActor, type Verifier } from './verifier.ts';

/** Who called what, where the call changed nothing: it read, or it was refused. */
export async function recordCall(
  { database, clock }: Pick<Verifier, 'database' | 'clock'>,
  by: Actor,
  call: { readonly action: string; readonly subject: string; readonly outcome: string },
): Promise<void> {
  const { action, subject, outcome: detail } = call;
  const line = { actor: auditActor(by), action, subject, detail };
  await database.transaction((on) => appendAudit(on, line, clock.now()));
}
