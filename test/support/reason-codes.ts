/**
 * Writes docs/reason-codes.md from the tables of codes themselves, so that the page says what the product says:
 * `node test/support/reason-codes.ts`. With --check nothing is written, and a page that says otherwise is a failure.
 */
import { globSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(root, 'docs/reason-codes.md');

/** In the order in which people meet them. Each room's tables are found by their names. */
const ROOMS = {
  appraisal: [
    'Evidence and its appraisal',
    'Findings of a verdict: `host show`, `host explain`, the fleet page.',
  ],
  server: ['The verifier', 'Refusals of its API, alerts, and findings about a host or a VM.'],
  agent: ['The agent', 'On the hypervisor: `touchstone-agent`, and `touchstone-agent doctor`.'],
  ca: ['The privacy CA', 'Refusals of enrolment and renewal.'],
  endorsement: [
    'Certificates and keys',
    'Of a TPM and of an AK: findings, and refusals by the CA.',
  ],
  eventlog: ['Logs', 'Of firmware, of IMA and of software: why one cannot be read or believed.'],
  tpm: ['TPM structures', 'Why bytes that a TPM is said to have made are refused.'],
  tss: ['The TPM itself', 'Between the agent and its TPM.'],
  cli: ['The command', '`touchstone` on its own account; all else that it says is the server’s.'],
  up: ['The deployment', '`touchstone up`, `backup`, `restore`, `move` and `demo`.'],
} as const;

const WHO: Readonly<Record<string, string>> = {
  operator: 'a person with the role operator',
  approver: 'a person with the role approver',
  'host-administrator': 'whoever looks after the machine (root on it)',
  agent: "the host's agent, by itself",
  nobody: 'nobody needs to, or can',
};

type Entry = {
  readonly title: string;
  readonly remedy: string;
  readonly section?: string;
  readonly actor?: string;
};

const isEntry = (value: unknown): value is Entry =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Entry).title === 'string' &&
  typeof (value as Entry).remedy === 'string';

/** Every code of a room, whichever of its tables it is in. @throws Error where two entries of one code differ */
async function codesOf(room: string): Promise<readonly (readonly [code: string, entry: Entry])[]> {
  const found = new Map<string, Entry>();
  const files = globSync(`${room}/**/*{codes,reasons}.ts`, {
    cwd: root,
    exclude: ['**/node_modules/**', '**/test/**'],
  });
  for (const file of files.toSorted()) {
    const module = (await import(pathToFileURL(join(root, file)).href)) as Record<string, unknown>;
    for (const table of Object.values(module)) {
      if (typeof table !== 'object' || table === null) continue;
      for (const [code, entry] of Object.entries(table)) {
        if (!/^[A-Z][A-Z0-9_]+$/u.test(code) || !isEntry(entry)) continue;
        const before = found.get(code) ?? entry;
        if (before.title !== entry.title || before.remedy !== entry.remedy) {
          throw new Error(`${room} says two things of ${code}`);
        }
        found.set(code, before);
      }
    }
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

const sentence = (text: string): string => (/[.!?:]$/u.test(text) ? text : `${text}.`);

function lines([code, { title, remedy, section, actor }]: readonly [string, Entry]): string {
  const facts = [
    `- To do: ${sentence(remedy)}`,
    ...(actor === undefined ? [] : [`- Who: ${WHO[actor] ?? actor}.`]),
    ...(section === undefined ? [] : [`- Section: ${section}.`]),
  ];
  return `### ${code}\n\n${sentence(title)}\n\n${facts.join('\n')}\n`;
}

async function page(): Promise<string> {
  const sections: string[] = [];
  for (const [room, [heading, about]] of Object.entries(ROOMS)) {
    const codes = await codesOf(room);
    if (codes.length === 0) throw new Error(`no codes of ${room}`);
    sections.push(`## ${heading}\n\n${about}\n\n${codes.map(lines).join('\n')}`);
  }
  const text = `# Reason codes

Every code that Touchstone gives, with what it means, what to do about it, and who can. Match on codes, never on
texts. In JSON a finding has \`code\`, \`subject\`, and where it helps \`expected\`, \`actual\` and \`nearest\`; a refusal is
problem details (RFC 9457) with \`code\`. Sections are of the specification named, or of the design.

This page is made from the tables of the code by \`node test/support/reason-codes.ts\`.

${sections.join('\n')}`;
  return format(text, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
}

const made = await page();
if (process.argv.includes('--check')) {
  const there = await readFile(PAGE, 'utf8').catch(() => '');
  if (there !== made) {
    console.log('docs/reason-codes.md is stale: node test/support/reason-codes.ts');
    process.exitCode = 1;
  }
} else {
  await writeFile(PAGE, made);
}
