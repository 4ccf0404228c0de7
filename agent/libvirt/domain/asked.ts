import type { Operation } from '@touchstone/schemas';
import type { AskedStart } from '../../gate/asked-start.ts';
import type { FileReader } from '../../images/file-reader.ts';
import { describeDomain, type Domain, type DomainDefinition } from './describe.ts';

/** What libvirt's hook told before it asked: a restore or an incoming migration, and what it starts from. */
export type ToldOperation = { readonly operation: Operation; readonly savedState?: string | null };

/** `described`: null until it was. */
export type AskedDomain = AskedStart & { readonly described: () => DomainDefinition | null };

/** A start that libvirt's hook asks about. */
export function startOfDomain(
  domain: Domain,
  reader: FileReader,
  { operation, savedState }: ToldOperation = { operation: 'start' },
): AskedDomain {
  let definition: DomainDefinition | null = null;
  return {
    vm: domain.vm,
    operation,
    door: 'libvirt',
    ...(savedState === undefined ? {} : { savedState }),
    describe: async (plan) => {
      definition = await describeDomain(domain, plan, reader);
      return definition;
    },
    described: () => definition,
  };
}
