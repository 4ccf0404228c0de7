import { createHash, X509Certificate } from 'node:crypto';
import type { TrustBundle } from '@touchstone/schemas';
import type { AgentSurroundings } from '../surroundings.ts';
import type { TrustOutcome } from '../trust.ts';
import { withState } from '../with-state.ts';

export type TrustOptions = {
  readonly state: string;
  readonly fingerprint: string;
  readonly newAnchor?: true;
  readonly json?: true;
};

/** Locked, so that no running agent goes on by the old. It tells all that changed. */
export function trustCommand(
  surroundings: AgentSurroundings,
  { state, fingerprint, newAnchor, json }: TrustOptions,
): Promise<void> {
  return withState(surroundings, state, async (stateDir) => {
    const { trustAnew } = await import('../trust.ts');
    const outcome = await trustAnew({ stateDir, fingerprint, newAnchor: newAnchor === true });
    const [before, after] = [outcome.before, outcome.after].map(shown);
    const text = json ? JSON.stringify({ before, after }) : trustedText(outcome);
    surroundings.stdout.write(`${text}\n`);
  });
}

const shown = ({ fingerprint, bundle }: TrustOutcome['before']) => ({
  fingerprint,
  epoch: bundle.epoch,
  notAfter: bundle.notAfter,
  anchors: anchorsOf(bundle),
  ca: bundle.ca,
});

function trustedText({ before, after }: TrustOutcome): string {
  const [was, is] = [shown(before), shown(after)];
  const line = (name: string, old: unknown, now: unknown): string =>
    String(old) === String(now)
      ? `${name}  ${String(now)} (as before)`
      : `${name}  ${String(now)}\n             was ${String(old)}`;
  return [
    'Trusted anew, by your word:',
    line('server key ', was.fingerprint, is.fingerprint),
    line('epoch      ', was.epoch, is.epoch),
    line('CA anchors ', was.anchors, is.anchors),
    line('CA         ', was.ca.url, is.ca.url),
    line('CA key     ', was.ca.pin, is.ca.pin),
    `good until   ${is.notAfter}`,
    'Start the agent:  touchstone-agent daemon',
  ].join('\n');
}

/** SHA-256 over each certificate. */
const anchorsOf = ({ anchors }: TrustBundle): string[] =>
  anchors.map((pem) => createHash('sha256').update(new X509Certificate(pem).raw).digest('hex'));
