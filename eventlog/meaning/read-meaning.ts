import { ParseError } from '@touchstone/tpm';
import type { LogEvent } from '../log-event.ts';
import type { EventMeaning } from './event-meaning.ts';
import { grubMeaning } from './grub-meaning.ts';
import { basisOf, LABEL } from './prove.ts';
import { separatorMeaning } from './separator-meaning.ts';
import { variableMeaning } from './variable-meaning.ts';

const KNOWN = new WeakMap<LogEvent, EventMeaning>();

/**
 * What an event means, and how much of that its digests prove. Never throws: data that is not what its type
 * says is `unknown`. The same answer for the same event, made once. Linear in the event's size.
 */
export function readMeaning(event: LogEvent): EventMeaning {
  let meaning = KNOWN.get(event);
  if (meaning === undefined) {
    meaning = meaningOf(event);
    KNOWN.set(event, meaning);
  }
  return meaning;
}

function meaningOf(event: LogEvent): EventMeaning {
  try {
    return READERS[event.claimedTypeName]?.(event) ?? { ...LABEL, kind: 'unknown' };
  } catch (error) {
    if (error instanceof ParseError) return { ...LABEL, kind: 'unknown' };
    throw error;
  }
}

const READERS: Readonly<Record<string, (event: LogEvent) => EventMeaning | undefined>> = {
  EV_SEPARATOR: separatorMeaning,
  EV_ACTION: action,
  EV_EFI_ACTION: action,
  EV_EFI_VARIABLE_DRIVER_CONFIG: (event) => variableMeaning(event, 'config'),
  EV_EFI_VARIABLE_BOOT: (event) => variableMeaning(event, 'boot'),
  EV_EFI_VARIABLE_BOOT2: (event) => variableMeaning(event, 'boot'),
  EV_EFI_VARIABLE_AUTHORITY: (event) => variableMeaning(event, 'authority'),
  EV_IPL: grubMeaning,
};

function action(event: LogEvent): EventMeaning {
  const text = Buffer.from(event.data).toString('latin1').replace(/\0+$/u, '');
  return { ...basisOf(event), kind: 'action', text };
}
