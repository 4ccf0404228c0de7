import type { Static, TSchema } from 'typebox';
import type { CaOperator, CaRole } from '@touchstone/schemas';
import type { CaContext } from '../../enroll.ts';

/** One operator's call, authenticated, authorised and parsed. */
export type OperatorCall<B> = {
  readonly context: CaContext;
  readonly by: CaOperator;
  /** The path's one parameter, or empty. */
  readonly key: string;
  /** Query parameters that the route takes, and that were given. */
  readonly query: Readonly<Record<string, string>>;
  readonly body: B;
};

/**
 * A call of the CA's operators, below /v1/operator. `viewer` is for reading alone. What changes anything is written into
 * the audit log by its service, in the transaction that changes it.
 */
export type OperatorRoute = {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With at most one parameter, `:key`. */
  readonly path: `/v1/operator/${string}`;
  readonly role: CaRole;
  readonly key?: TSchema;
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  readonly maxBytes?: number;
  readonly answer: TSchema;
  readonly handle: (call: OperatorCall<never>) => Promise<unknown>;
};

type Typed<B extends TSchema, A extends TSchema> = Omit<
  OperatorRoute,
  'body' | 'answer' | 'handle'
> & {
  readonly body?: B;
  readonly answer: A;
  readonly handle: (call: OperatorCall<Static<B>>) => Promise<Static<A>>;
};

/** A route whose handler has the types of its schemas. */
export const operatorRoute = <B extends TSchema, A extends TSchema>(
  typed: Typed<B, A>,
): OperatorRoute => typed;
