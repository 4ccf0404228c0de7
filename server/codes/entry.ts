import type { Actor } from '@touchstone/schemas';

/** What people read about one code of this room. `status`: HTTP's, where the code answers a request. */
export type CodeEntry = {
  readonly title: string;
  readonly section: string;
  readonly remedy: string;
  readonly actor: Actor;
  readonly status: number;
};

export const entry = (
  status: number,
  title: string,
  section: string,
  remedy: string,
  actor: Actor = 'operator',
): CodeEntry => ({ title, section, remedy, actor, status });
