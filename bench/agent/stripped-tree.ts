import { globSync } from 'node:fs';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

/** The rooms whose code runs in an agent's process, by the names under which they are imported. */
const ROOMS: Readonly<Record<string, string>> = {
  agent: '@touchstone/agent',
  appraisal: '@touchstone/appraisal',
  endorsement: '@touchstone/endorsement',
  eventlog: '@touchstone/eventlog',
  schemas: '@touchstone/schemas',
  tpm: '@touchstone/tpm',
  transport: '@touchstone/transport',
  tss: 'node-tpm2-tss-bindings',
};

/** The agent's part of the tree with the types stripped beforehand, as it is packaged: the same code, in .js. */
export async function stripTree(house: string, out: string): Promise<void> {
  await mkdir(join(out, 'node_modules/@touchstone'), { recursive: true });
  const modules = join(house, 'node_modules');
  for (const name of await readdir(modules)) {
    if (name === '@touchstone' || Object.values(ROOMS).includes(name)) continue;
    await symlink(join(modules, name), join(out, 'node_modules', name));
  }
  for (const [room, name] of Object.entries(ROOMS)) {
    await stripRoom(join(house, room), join(out, room));
    await symlink(join(out, room), join(out, 'node_modules', name));
  }
}

async function stripRoom(from: string, to: string): Promise<void> {
  const exclude = (name: string) => /(^|\/)(test|node_modules)$/u.test(name);
  for (const file of globSync('**/*.{ts,mjs,json}', { cwd: from, exclude })) {
    const source = await readFile(join(from, file), 'utf8');
    const script = file.endsWith('.ts') ? stripTypeScriptTypes(source) : source;
    const target = join(to, file.replace(/\.ts$/u, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, script.replaceAll(/((?:'|")\.[\w./-]*)\.ts(?='|")/gu, '$1.js'));
  }
  await symlink(join(from, 'node_modules'), join(to, 'node_modules'));
}
