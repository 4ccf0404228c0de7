import type { StartRequest } from '@touchstone/schemas';
import type { MigrationSource } from '../gate/question.ts';
import type { Queryable } from '../store/database.ts';
import type { Host } from '../store/host.ts';
import { placesElsewhere } from '../store/migration-sources.ts';
import { readingOf, shownState } from './host-state.ts';
import type { Verifier } from './verifier.ts';

/** Where the VMs that are to be migrated run now, by their uuid, with the state that those hosts have now. */
export async function sourcesOf(
  verifier: Verifier,
  on: Queryable,
  { host, requests }: { readonly host: Host; readonly requests: readonly StartRequest[] },
): Promise<ReadonlyMap<string, MigrationSource[]>> {
  const migrating = requests.filter(({ operation }) => operation === 'migrate');
  const rows = await placesElsewhere(
    on,
    host.id,
    migrating.map(({ vm }) => vm),
  );
  const reading = readingOf(verifier);
  const sources = new Map<string, MigrationSource[]>();
  for (const { vm, name, ...shown } of rows) {
    const { state } = shownState(shown, reading);
    sources.set(vm, [...(sources.get(vm) ?? []), { name, state }]);
  }
  return sources;
}
