import type { Baseline } from '@touchstone/schemas';
import type { AppraisalContext } from '../appraisal-context.ts';

/** Documents that stand in for one another: those of a window, or (null) those that are active. */
export type Rival = { readonly window: string | null; readonly documents: readonly Baseline[] };

export type WithWindows = {
  /** Documents that no window has an alternative to. */
  readonly fixed: readonly Baseline[];
  /** For each name and part that a window has a document of, the alternatives for this host. */
  readonly rivals: readonly (readonly Rival[])[];
  readonly untilMs: number;
};

/**
 * Which documents of a host may stand in for which, as the windows have it now. Until a window ends, its
 * document and the active ones of the same name and part are alternatives; then only its document counts. A time
 * that is none has passed.
 */
export function withWindows(
  { baselines, windows = [], now }: AppraisalContext,
  applies: (baseline: Baseline) => boolean,
): WithWindows {
  const active = baselines.filter(applies);
  const offered = windows.flatMap(({ id, until, documents }) => {
    const untilMs = new Date(until).getTime();
    return documents.map((document) => ({ id, untilMs, open: now.getTime() < untilMs, document }));
  });
  if (offered.length === 0) return { fixed: active, rivals: [], untilMs: Infinity };
  const replaced = Map.groupBy(offered, ({ document }) => keyOf(document));
  const olds = Map.groupBy(active, keyOf);
  const fixed = active.filter((one) => !replaced.has(keyOf(one)));
  const rivals: Rival[][] = [];
  let untilMs = Infinity;
  for (const [key, some] of replaced) {
    const old = olds.get(key) ?? [];
    const news = some.filter(({ document }) => applies(document));
    if (old.length === 0 && news.length === 0) continue;
    const open = some.every((one) => one.open);
    for (const one of some) if (one.open) untilMs = Math.min(untilMs, one.untilMs);
    rivals.push([
      ...(open ? [{ window: null, documents: old }] : []),
      ...news.map(({ id, document }) => ({ window: id, documents: [document] })),
    ]);
  }
  return { fixed, rivals: rivals.filter(({ length }) => length > 0), untilMs };
}

const keyOf = ({ part, name }: Baseline): string => `${part} ${name}`;
