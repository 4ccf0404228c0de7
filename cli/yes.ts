import type { Input } from './input.ts';

const MAX_ANSWER = 64;

/** Whether the first line is `yes`. The end of the input is none. */
export async function answersYes(stdin: Input): Promise<boolean> {
  let text = '';
  for await (const chunk of stdin) {
    text += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
    if (text.includes('\n') || text.length > MAX_ANSWER) break;
  }
  return text.split('\n', 1)[0]?.trim() === 'yes';
}
