import type { ImaEntry } from '@touchstone/eventlog';

/** The name's bytes, one a character. */
export const nameOf = ({ name }: ImaEntry): string =>
  name === undefined ? '' : Buffer.from(name).toString('latin1');

/** Policies are of characters, and a name's bytes may be of UTF-8. */
export const pathOf = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');

/** The same for people; what is no UTF-8 is replaced. */
export const textOf = ({ name, index }: ImaEntry): string =>
  name === undefined || name.length === 0 ? `entry ${index}` : Buffer.from(name).toString('utf8');
