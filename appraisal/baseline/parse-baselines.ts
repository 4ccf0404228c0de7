import { isDeepStrictEqual } from 'node:util';
import { type Baseline, BASELINE_YAML_MAX_BYTES } from '@touchstone/schemas';
import { Composer, type Document, isNode, isScalar, LineCounter, visit } from 'yaml';
import { BaselineError } from './baseline-error.ts';
import { checkBaseline } from './check-baseline.ts';
import { documentTexts } from './document-texts.ts';
import { formatBaseline } from './format-baseline.ts';
import { UNSEEN } from './unseen.ts';
import { boundedSyntax } from './yaml-bounds.ts';

const MAX_DOCUMENTS = 64;

/**
 * Baselines from YAML, one or more documents. Only what a reviewer sees counts: no aliases, anchors,
 * tags, directives, duplicate or unknown keys, and no number where a text is asked for.
 *
 * @throws BaselineError for the first thing that is wrong; never a part of the file.
 */
export const parseBaselines = (text: string): Baseline[] =>
  readBaselines(text).map(({ baseline }) => baseline);

export type WrittenBaseline = {
  readonly baseline: Baseline;
  /** The document as it was written, comments and all, without the line that divides it from the one before. */
  readonly text: string;
};

/** The same, with each document's own text, which means just that document. */
export function readBaselines(text: string): WrittenBaseline[] {
  if (Buffer.byteLength(text, 'utf8') > BASELINE_YAML_MAX_BYTES) {
    throw new BaselineError('BASELINE_TOO_LARGE', `over ${BASELINE_YAML_MAX_BYTES} bytes`);
  }
  refuseUnseen(text);
  const lines = new LineCounter();
  const documents = readDocuments(text, lines);
  if (documents.length === 0) throw new BaselineError('BASELINE_EMPTY', 'no document');
  if (documents.length > MAX_DOCUMENTS) {
    throw new BaselineError('BASELINE_TOO_LARGE', `over ${MAX_DOCUMENTS} documents`);
  }
  const baselines = documents.map((document, index) => baselineOf(document, index + 1, lines));
  const texts = documentTexts(text);
  return baselines.map((baseline, index) => {
    const own = texts[index];
    const whole = texts.length === baselines.length && own !== undefined ? own : undefined;
    const isOwn = whole !== undefined && (texts.length === 1 || means(whole, baseline));
    return { baseline, text: isOwn ? whole : formatBaseline(baseline) };
  });
}

/** What is shown of one document is never a part of it, or of another. */
function means(text: string, baseline: Baseline): boolean {
  const lines = new LineCounter();
  const [document, ...more] = readDocuments(text, lines);
  if (document === undefined || more.length > 0) return false;
  return isDeepStrictEqual(baselineOf(document, 1, lines), baseline);
}

function refuseUnseen(text: string): void {
  const at = text.search(UNSEEN);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).toUpperCase().padStart(4, '0');
  const line = text.slice(0, at).split('\n').length;
  throw new BaselineError('BASELINE_SYNTAX', `U+${code}, which is not seen`, { line });
}

function readDocuments(text: string, lines: LineCounter): Document[] {
  const composer = new Composer(OPTIONS);
  const documents: Document[] = [];
  try {
    for (const token of boundedSyntax(text, lines)) documents.push(...composer.next(token));
    return [...documents, ...composer.end()];
  } catch (cause) {
    if (cause instanceof BaselineError) throw cause;
    throw new BaselineError('BASELINE_SYNTAX', 'cannot be read', { cause });
  }
}

const OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  strict: true,
  uniqueKeys: true,
  stringKeys: true,
} as const;

function baselineOf(document: Document, number: number, lines: LineCounter): Baseline {
  const lineAt = (offset: number | undefined) =>
    offset === undefined ? {} : { line: lines.linePos(offset).line };
  const [problem] = [...document.errors, ...document.warnings];
  if (document.directives?.yaml.explicit === true) {
    throw new BaselineError('BASELINE_DIRECTIVE', '%YAML', { document: number });
  }
  refuseIndirection(document, number, lineAt);
  if (problem !== undefined) {
    const place = { document: number, ...lineAt(problem.pos[0]), cause: problem };
    throw new BaselineError('BASELINE_SYNTAX', problem.message, place);
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    throw new BaselineError('BASELINE_EMPTY', 'an empty document', { document: number });
  }
  try {
    return checkBaseline(document.toJS({ maxAliasCount: 0 }));
  } catch (cause) {
    if (!(cause instanceof BaselineError)) throw cause;
    const { code, reason, field = '' } = cause;
    const node = deepestNode(document, field);
    throw new BaselineError(code, reason, { document: number, field, ...lineAt(node), cause });
  }
}

/** What lets a text say one thing to a reader and another to a parser. */
function refuseIndirection(
  document: Document,
  number: number,
  lineAt: (offset: number | undefined) => { line?: number },
): void {
  visit(document, {
    Node(_key, node) {
      const place = { document: number, ...lineAt(node.range?.[0]) };
      if ('anchor' in node && node.anchor !== undefined) {
        throw new BaselineError('BASELINE_ALIAS', 'an anchor', place);
      }
      if (node.tag !== undefined) throw new BaselineError('BASELINE_TAG', node.tag, place);
    },
    Alias(_key, node) {
      const place = { document: number, ...lineAt(node.range?.[0]) };
      throw new BaselineError('BASELINE_ALIAS', 'an alias', place);
    },
  });
}

/** Where the deepest existing node of a JSON pointer begins. */
function deepestNode(document: Document, pointer: string): number | undefined {
  const keys = pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((key) => (/^[0-9]+$/.test(key) ? Number(key) : key));
  for (; ; keys.pop()) {
    const node = keys.length === 0 ? document.contents : document.getIn(keys, true);
    if (isNode(node)) return node.range?.[0];
    if (keys.length === 0) return undefined;
  }
}
