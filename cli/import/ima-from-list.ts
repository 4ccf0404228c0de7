import { checkBaseline, imaPolicyFromList } from '@touchstone/appraisal';
import { imaEntries } from '@touchstone/eventlog';
import type { Baseline, ImaPolicy } from '@touchstone/schemas';

/**
 * The documents, with what IMA's list of the same boot shows in the one of part `runtime`, which is added where there is
 * none: these files in these contents, and no other. undefined for a list that shows nothing.
 *
 * @throws ParseError for a list that is none, BaselineError for one of more files than a document can name
 */
export function withImaList(
  documents: readonly Baseline[],
  list: Uint8Array,
): Baseline[] | undefined {
  const [first] = documents;
  const ima = imaPolicyFromList(imaEntries(list)) ?? withoutFiles(list);
  if (first === undefined || ima === undefined) return undefined;
  const { kind, name, version, match, banks } = first;
  const runtime =
    documents.find(({ part }) => part === 'runtime') ??
    ({ kind, part: 'runtime', name, version, match, banks, rules: [] } satisfies Baseline);
  const others = documents.filter((document) => document !== runtime);
  return [...others, checkBaseline({ ...runtime, ima })];
}

/** A kernel whose policy measured no file still says how it was booted; a policy of nothing at all is refused as empty. */
function withoutFiles(list: Uint8Array): ImaPolicy | undefined {
  for (const { name, digest } of imaEntries(list)) {
    if (digest === undefined || Buffer.from(name ?? []).toString() !== 'boot_aggregate') continue;
    const digests = `${Buffer.from(digest.value).toString('hex')}  boot_aggregate\n`;
    return { mode: 'enforce', files: [{ digests }] };
  }
  return undefined;
}
