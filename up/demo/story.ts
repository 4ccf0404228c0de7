/** The demonstration's own voice: numbered steps, what an operator would type, and what it answers. */
export type Story = {
  step(title: string): void;
  say(line: string): void;
  /** A command as the operator types it, with its output indented. */
  command(line: string, output: string): void;
  good(line: string): void;
  bad(line: string): void;
};

const STEPS = 6;

export function tellStory(out: NodeJS.WritableStream, colours: boolean): Story {
  const paint = (code: string, text: string): string =>
    colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  const startedAt = performance.now();
  let step = 0;
  return {
    step: (title) => {
      step += 1;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
      out.write(`\n${paint('1', `[${step}/${STEPS}] ${title}`)}  ${paint('2', `${seconds} s`)}\n`);
    },
    say: (line) => void out.write(`      ${line}\n`),
    command: (line, output) => {
      out.write(`      ${paint('36', `$ ${line}`)}\n`);
      for (const text of output.trimEnd().split('\n')) out.write(`        ${text}\n`);
    },
    good: (line) => void out.write(`      ${paint('32', `✔ ${line}`)}\n`),
    bad: (line) => void out.write(`      ${paint('31', `✘ ${line}`)}\n`),
  };
}
