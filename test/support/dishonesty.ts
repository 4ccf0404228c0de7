import type { BindingKey, Evidence, Selection, StartRequest, Statement } from '@touchstone/schemas';
import type { Quote, TpmObject } from 'node-tpm2-tss-bindings';
import type { TestHost } from './test-host.ts';

/** What a test wants otherwise than an honest agent would do it. Each hook sees the honest value. */
export type Dishonesty = {
  readonly challenge?: string;
  readonly hostId?: string | null;
  readonly akName?: string;
  readonly selection?: Selection;
  readonly quoteSelection?: Selection;
  readonly log?: (honest: Uint8Array) => Uint8Array | null;
  readonly statement?: (honest: Statement) => unknown;
  /** The bytes that are hashed and sent; by default the statement's JSON. */
  readonly statementBytes?: (honest: Uint8Array) => Uint8Array;
  readonly pcrs?: (honest: Evidence['pcrs']) => Evidence['pcrs'];
  /** What answers in place of TPM2_Quote by the AK. */
  readonly quote?: (qualifyingData: Uint8Array, selection: Selection) => Promise<Quote>;
  readonly attest?: (honest: Uint8Array) => Uint8Array;
  readonly signature?: (honest: Uint8Array) => Uint8Array;
  readonly permits?: readonly StartRequest[];
  readonly nonce?: string;
  /** Of IMA's list; without it none is sent, as by an agent that knows none. */
  readonly ima?: { readonly fromEntry: number; readonly entries: Uint8Array };
  /** Of the binding key that is enrolled. */
  readonly binding?: {
    /** Made before, instead of a new one. */
    readonly given?: BindingKey;
    readonly auth?: Uint8Array;
    readonly make?: (host: TestHost) => Promise<TpmObject>;
    readonly challenge?: string;
    readonly sent?: (honest: BindingKey, challenge: string) => BindingKey | Promise<BindingKey>;
  };
};
