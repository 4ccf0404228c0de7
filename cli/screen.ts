import { type Line, printableJson, printableLines, renderLine } from './show/text.ts';

/** Where the command writes. A stream of Node's is one. */
export type Output = {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
};

/** Answers go to standard output; what is only said to people goes to standard error. */
export type Screen = {
  /** The terminal's width; undefined where nothing should be cut. */
  readonly width: number | undefined;
  /** Width for running text. */
  readonly textWidth: number;
  print(...lines: readonly Line[]): void;
  note(...lines: readonly Line[]): void;
  printText(text: string): void;
  noteText(text: string): void;
  printJson(value: unknown): void;
  noteJson(value: unknown): void;
};

const MAX_TEXT_WIDTH = 100;

export function createScreen(
  stdout: Output,
  stderr: Output,
  env: Readonly<Record<string, string | undefined>>,
): Screen {
  const plain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  const colours = (to: Output): boolean => to.isTTY === true && !plain;
  const writer = (to: Output) => (lines: readonly Line[]) => {
    for (const line of lines) to.write(`${renderLine(line, colours(to)).trimEnd()}\n`);
  };
  const [print, note] = [writer(stdout), writer(stderr)];
  const width = stdout.isTTY === true ? (stdout.columns ?? 80) : undefined;
  return {
    width,
    textWidth: Math.min(width ?? MAX_TEXT_WIDTH, MAX_TEXT_WIDTH),
    print: (...lines) => print(lines),
    note: (...lines) => note(lines),
    printText: (text) => stdout.write(withNewline(printableLines(text))),
    noteText: (text) => stderr.write(withNewline(printableLines(text))),
    printJson: (value) => stdout.write(`${printableJson(value)}\n`),
    noteJson: (value) => stderr.write(`${printableJson(value)}\n`),
  };
}

const withNewline = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`);
