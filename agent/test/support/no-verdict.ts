import assert from 'node:assert/strict';
import type { Mandates as OnWire } from '@touchstone/schemas';
import { AppError } from '@touchstone/transport';
import { type GateAtSocket, startGateAtSocket } from '../start-gate.ts';
import { signPermit } from './permit-keys.ts';
import type { Behaviour } from './verifier.ts';

export const GOOD = { state: 'trusted', verdict: 'affirming' } as const;
export const NONE: OnWire = { licences: [], orders: null, observe: null };
export const DAY_SECONDS = 86_400;

export const fails: Behaviour = {
  challenge: () => {
    throw new AppError('INTERNAL', 500);
  },
};

/**
 * A gate that cannot have a verdict, after a start that it permitted; what it heard before is gone. `begun` is given it.
 */
export function useNoVerdict(begun: (gate: GateAtSocket) => void) {
  let gate: GateAtSocket;
  /** Of the VM as `question` describes it. */
  let digest: string;

  before(async () => {
    gate = await startGateAtSocket();
    begun(gate);
  });

  beforeEach(async () => {
    gate.verifier.behave({});
    const answer = await gate.ask();
    assert.equal(answer.decision, 'permitted');
    digest = answer.definitionDigest;
    await gate.mandates.hear({ ...GOOD, mandates: NONE });
    await gate.gate.told(gate.gate.decidedAlone());
    gate.verifier.behave(fails);
  });

  after(() => gate?.close());

  const sign = (claims: object, typ: string, key = gate.verifier.permitKey) =>
    signPermit(claims, key, { typ: `touchstone-${typ}+jwt` });
  const common = () => ({
    iss: 'https://verifier',
    aud: gate.key.akName,
    iat: Math.floor(Date.now() / 1_000),
    'touchstone.host': gate.enrolment.hostId,
  });
  const orders = (state: string, sequence: number, changes: object = {}) => {
    const claims = { 'touchstone.state': state, 'touchstone.sequence': sequence };
    return sign({ ...common(), ...claims, 'touchstone.vms': [], ...changes }, 'orders');
  };
  const refused = async () => {
    const answer = await gate.ask();
    assert.equal(answer.decision, 'refused', JSON.stringify(answer));
    return answer;
  };
  /** Of the VM's definition, as the gate last told it. */
  const definitionDigest = () => digest;
  return { sign, common, orders, refused, definitionDigest };
}
