import type { Door, Operation, StartPlan, StartQuestion } from '@touchstone/schemas';
import type { FileReader } from '../images/file-reader.ts';
import { describeCommand } from './command-definition.ts';
import type { Definition } from './definition.ts';

/** A start that some door asks about, before anything of it was read. */
export type AskedStart = {
  readonly vm: string;
  readonly operation: Operation;
  readonly door: Door;
  /** In a restore: SHA-256 of the saved file as this host saw it saved, or null. */
  readonly savedState?: string | null;
  /** Reads what the plan does not call data. @throws AppError DEFINITION_UNREADABLE, DEFINITION_UNCOVERED */
  describe(plan: StartPlan): Promise<Definition>;
};

/** By a command, whoever is going to execute it. */
export function startOfCommand(question: StartQuestion, reader: FileReader): AskedStart {
  const { vm, operation, door = 'run' } = question;
  return { vm, operation, door, describe: (plan) => describeCommand(question, plan, reader) };
}
