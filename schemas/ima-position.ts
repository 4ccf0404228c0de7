import type { Type } from 'typebox';
import { closed, Uint32 } from './scalars.ts';

/** For a host that sent IMA's list: the entry that it sends from next. */
export const ImaPosition = closed({ nextEntry: Uint32 });
export type ImaPosition = Type.Static<typeof ImaPosition>;
