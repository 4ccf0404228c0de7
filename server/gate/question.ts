import type { AttestationResult } from '@touchstone/appraisal';
import type {
  AssuranceClass,
  Finding,
  HostState,
  Labels,
  StartRequest,
  Vm,
} from '@touchstone/schemas';

/** A host that a VM comes from in a live migration. */
export type MigrationSource = { readonly name: string; readonly state: HostState };

export type GateQuestion = {
  readonly result: AttestationResult;
  /** As the transaction that the permit is stored in leaves the host. */
  readonly host: {
    readonly id: string;
    readonly state: HostState;
    readonly class: AssuranceClass;
    readonly labels: Labels;
    /** Why the state is what it is, where the result alone does not say. */
    readonly findings: readonly Finding[];
  };
  /** null: no VM of the request's uuid is registered. */
  readonly vm: Vm | null;
  /** Why the VM is held, if it is, since the trust in its host was lost. */
  readonly held: string | null;
  readonly request: StartRequest;
  /** Other hosts that the VM runs on, as far as anybody knows. Of a migration alone. */
  readonly sources: readonly MigrationSource[];
  /** Whether a server of this deployment runs in the VM. */
  readonly carriesTouchstone: boolean;
  /** base64url, as in the statement. */
  readonly challenge: string;
  readonly permitId: string;
  readonly issuer: string;
  /** Of a refusal. */
  readonly maxFindings: number;
  readonly now: Date;
};
