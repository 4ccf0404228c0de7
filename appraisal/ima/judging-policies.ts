import type { ImaCursor } from '@touchstone/eventlog';
import type { FindingEffect } from '@touchstone/schemas';
import { stricter } from '../comparison/stricter.ts';
import {
  type CompiledImaPolicy,
  type CompiledKeyring,
  compileImaPolicy,
} from './compiled-ima-policy.ts';
import { viewOf } from './ima-file-table.ts';
import type { ImaKey } from './ima-keys.ts';
import type { ImaDocument } from './ima-segment.ts';
import { isToldByPlace } from './measured-template.ts';
import { isBootAggregate, isNamedBySize } from './named-digest.ts';

/** A policy with the name of its document. */
export type JudgingPolicy = { readonly document: string; readonly compiled: CompiledImaPolicy };

export const judging = ({ document, policy }: ImaDocument): JudgingPolicy => ({
  document,
  compiled: compileImaPolicy(policy),
});

/** All policies that a list is held against at once: one that lists is enough, and the strictest decides. */
export class JudgingPolicies {
  readonly all: readonly JudgingPolicy[];
  #viewed: Buffer | undefined;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(documents: readonly ImaDocument[]) {
    this.all = documents.map(judging);
  }

  get none(): boolean {
    return this.all.length === 0;
  }

  /** Whether a policy lists this very content at this very path, or anywhere. */
  isListed(cursor: ImaCursor): boolean {
    const { template, data, fieldStart, fieldEnd } = cursor;
    const { digest, path } = template;
    if (!isToldByPlace(cursor)) return false;
    const digestStart = cursor.digestStart[digest]!;
    const digestEnd = fieldEnd[digest]!;
    const isNamed = isNamedBySize(data, fieldStart[digest]!, digestStart, digestEnd - digestStart);
    if (!isNamed) return false;
    const pathStart = fieldStart[path]!;
    const pathEnd = fieldEnd[path]! - 1;
    // A document that lists one makes no second one good.
    if (isBootAggregate(data, pathStart, pathEnd)) return false;
    const view = this.#viewOf(data);
    for (let at = 0; at < this.all.length; at += 1) {
      const { files } = this.all[at]!.compiled;
      if (files.has(view, digestStart, digestEnd, pathStart, pathEnd)) return true;
    }
    return false;
  }

  /** One for a whole list of bytes. */
  #viewOf(data: Buffer): DataView {
    if (this.#viewed !== data) [this.#viewed, this.#view] = [data, viewOf(data)];
    return this.#view;
  }

  isExcluded(path: string): boolean {
    return this.all.some(({ compiled }) => compiled.exclude.some((glob) => glob.matches(path)));
  }

  keysById(keyId: string): readonly ImaKey[] {
    return this.all.flatMap(({ compiled }) => compiled.keys.get(keyId) ?? []);
  }

  keyringsOf(name: string): readonly CompiledKeyring[] {
    return this.all.flatMap(({ compiled }) => compiled.keyrings.get(name) ?? []);
  }

  strictest(of: 'mode' | 'unlisted' | 'violations' | 'bootAggregate'): FindingEffect {
    const [first = 'enforce', ...more] = this.all.map(({ compiled }) => compiled[of]);
    return more.reduce(stricter, first);
  }

  /** What a file does that no policy names; where nothing tells its name, it may be one that a policy does. */
  unlisted(told: boolean): FindingEffect {
    const effect = this.strictest('unlisted');
    return told ? effect : stricter(effect, this.strictest('mode'));
  }
}
