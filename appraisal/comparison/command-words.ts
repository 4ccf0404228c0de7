import { type LogEvent, readMeaning } from '@touchstone/eventlog';
import type { WordRules } from '@touchstone/schemas';
import { compileGlob, type Glob } from '../glob.ts';
import { believedSoftware } from '../measured-software.ts';

/** A kernel takes 4,096 bytes at most (COMMAND_LINE_SIZE), unified kernel images a few more. */
const MAX_LINE = 16_384;

/** Tab, line feed and printable ASCII. The kernel divides at 0xA0 as well, and text cannot show that. */
const PLAIN = /^[\t\n\u0020-\u007e]*$/u;

/** A believed command line, as it was measured; undefined for every other event. */
export function commandLineOf(event: LogEvent): string | undefined {
  const software = believedSoftware(event);
  if (software !== undefined) return software.kind === 'command-line' ? software.name : undefined;
  const meaning = readMeaning(event);
  if (meaning.basis === 'label' || meaning.kind !== 'command-line') return undefined;
  return meaning.text;
}

/**
 * Any believed text that a kernel may have been started with. Which of GRUB's texts is the command line is
 * a label, so that what is denied is looked for in all of them.
 */
export function commandTextOf(event: LogEvent): string | undefined {
  const line = commandLineOf(event);
  if (line !== undefined) return line;
  const meaning = readMeaning(event);
  if (meaning.basis === 'label') return undefined;
  const { kind } = meaning;
  return kind === 'loader-command' || kind === 'systemd' || kind === 'text'
    ? meaning.text
    : undefined;
}

/**
 * Whether a kernel may have been started with what an event measured, as far as is proved: its text is a command line,
 * or is not proved at all, or is one of GRUB's and begins as its command lines do, with the kernel's path.
 */
export function maybeCommandLine(event: LogEvent): boolean {
  if (believedSoftware(event) !== undefined) return commandLineOf(event) !== undefined;
  const meaning = readMeaning(event);
  if (meaning.basis === 'label' || meaning.kind === 'command-line') return true;
  return meaning.kind === 'loader-command' && /^\s*["'(/]/u.test(meaning.text);
}

/**
 * The words of a command line as Linux divides it (lib/cmdline.c, next_arg): at blanks outside double
 * quotes, where quotes stand around a whole word or around a whole value and are not part of it.
 * undefined where it cannot be told how the kernel would divide it: a quote in another place, one that
 * stays open, a character outside ASCII, or more than 16 KiB.
 */
export function wordsOf(line: string): string[] | undefined {
  if (line.length > MAX_LINE || !PLAIN.test(line)) return undefined;
  const words: string[] = [];
  let word = '';
  let quoted = false;
  for (const char of `${line} `) {
    if (char === '"') quoted = !quoted;
    if (!quoted && (char === ' ' || char === '\t' || char === '\n')) {
      if (word !== '') words.push(word);
      word = '';
    } else {
      word += char;
    }
  }
  if (quoted) return undefined;
  const bare = words.map(unquoted);
  return bare.includes(undefined) ? undefined : bare.filter((one) => one !== undefined);
}

/** Words that are the kernel's: what is behind `--` goes to init (init/main.c, parse_args). */
export function kernelWordsOf(line: string): string[] | undefined {
  const words = wordsOf(line);
  const end = words?.indexOf('--') ?? -1;
  return end < 0 ? words : words?.slice(0, end);
}

const QUOTED = /^(?<name>[^"=]*=)?"(?<value>[^"]*)"$/u;

function unquoted(word: string): string | undefined {
  if (!word.includes('"')) return word;
  const { name = '', value } = QUOTED.exec(word)?.groups ?? {};
  return value === undefined ? undefined : `${name}${value}`;
}

/** What a rule asks of command lines, read once. */
export type WordMatcher = {
  /** Whether a line is as the rule asks, in any order of its words. */
  fits(line: string): boolean;
  /** The words of a text that the rule denies. */
  deniedIn(text: string): readonly string[];
};

export function wordMatcher({ require, allow, deny }: WordRules): WordMatcher {
  const required = (require ?? []).map(compileGlob);
  const allowed = allow?.map(compileGlob);
  const denied = (deny ?? []).map((glob) => compileGlob(alike(glob)));
  const some = (globs: readonly Glob[], word: string) => globs.some((glob) => glob.matches(word));
  const names = new Set((require ?? []).flatMap((glob) => nameIn(glob) ?? []));
  // Of a parameter that is there twice, the later value counts.
  const isOverruling = (word: string) => names.has(nameIn(word) ?? '') && !some(required, word);
  const isDenied = (word: string) => some(denied, alike(word));
  return {
    fits(line) {
      const words = wordsOf(line);
      if (words === undefined || words.some(isDenied)) return false;
      const ofKernel = kernelWordsOf(line) ?? [];
      if (!required.every((glob) => ofKernel.some((word) => glob.matches(word)))) return false;
      if (allowed === undefined) return !ofKernel.some(isOverruling);
      return words.every((word) => some(required, word) || some(allowed, word));
    },
    // A text that is no command line has words too, if other ones; a quote hides none of them.
    deniedIn(text) {
      if (denied.length === 0) return [];
      if (text.length > MAX_LINE) return [`more than ${MAX_LINE} characters`];
      return (wordsOf(text) ?? text.replaceAll('"', '').split(/[\s\u00a0]+/u)).filter(isDenied);
    },
  };
}

/** Of `name=value`. */
function nameIn(word: string): string | undefined {
  const end = word.indexOf('=');
  return end <= 0 ? undefined : alike(word.slice(0, end));
}

/** The kernel takes a dash and an underscore in a parameter's name for the same. */
const alike = (text: string): string => text.replaceAll('-', '_');
