import { Type } from 'typebox';
import { closed } from '@touchstone/schemas';

/** A program on this host that may ask for proofs: who it is, as a user, and the name of its socket. */
export const ProgramSettings = closed({
  name: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$', maxLength: 32 }),
  user: Type.String({ pattern: '^[a-z_][a-z0-9_-]{0,31}$', maxLength: 32 }),
});
export type ProgramSettings = Type.Static<typeof ProgramSettings>;

/** The sockets' directory, unless agent.yaml says otherwise: the runtime directory of the unit. */
export const PROGRAMS_DIRECTORY = '/run/touchstone-agent/programs';
