import type { Static, TSchema } from 'typebox';
import { type ApiToken, Cursor, oneOf, PageLimit, type Role, Slug } from '@touchstone/schemas';
import type { Page } from '../services/paging.ts';
import type { Verifier } from '../services/verifier.ts';

/** One operator call, authenticated, authorised and parsed. */
export type Call<B> = {
  readonly verifier: Verifier;
  readonly by: ApiToken;
  /** The path's one parameter, or empty. */
  readonly key: string;
  readonly name: string | undefined;
  /** Of a list that shows by default what is open: whether all of it is asked for. */
  readonly all: boolean;
  /** The first, where the route has no pages. */
  readonly page: Page;
  readonly body: B;
};

export type OperatorRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With at most one parameter, `:key`. */
  readonly path: string;
  readonly summary: string;
  /** Any role reads what `viewer` reads. */
  readonly role: Role;
  readonly key?: TSchema;
  readonly takesName?: true;
  readonly takesAll?: true;
  /** A list, given page by page. */
  readonly paged?: true;
  /** Answered with an ETag, and with 304 to whoever has it. */
  readonly tagged?: true;
  readonly body?: TSchema;
  readonly maxBytes?: number;
  readonly answer: TSchema;
  readonly handle: (call: Call<never>) => Promise<unknown>;
};

type Typed<B extends TSchema, A extends TSchema> = Omit<
  OperatorRoute,
  'body' | 'answer' | 'handle'
> & {
  readonly body?: B;
  readonly answer: A;
  readonly handle: (call: Call<Static<B>>) => Promise<Static<A>>;
};

/** A route whose handler has the types of its schemas. */
export const route = <B extends TSchema, A extends TSchema>(typed: Typed<B, A>): OperatorRoute =>
  typed;

/** The query parameters that a route takes. */
export const queryOf = ({
  takesName,
  takesAll,
  paged,
}: OperatorRoute): Record<string, TSchema> => ({
  ...(takesName === true ? { name: Slug } : {}),
  ...(takesAll === true ? { all: oneOf('true', 'false') } : {}),
  ...(paged === true ? { limit: PageLimit, cursor: Cursor } : {}),
});
