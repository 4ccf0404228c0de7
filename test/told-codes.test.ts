import assert from 'node:assert/strict';

type Words = { readonly title: string; readonly remedy: string; readonly actor?: string };

/** A table of codes by its file: no room's door gives it. */
async function tableOf(file: string, name: string): Promise<Readonly<Record<string, Words>>> {
  const module = (await import(new URL(`../${file}`, import.meta.url).href)) as Record<
    string,
    Readonly<Record<string, Words>>
  >;
  const table = module[name];
  assert.ok(table !== undefined, `${file} has no ${name}`);
  return table;
}

describe('What hosts tell of', () => {
  it('is known to the server in the words of the agent, code by code', async () => {
    const told = await tableOf('agent/watch/codes.ts', 'WATCH_CODES');
    const known = await tableOf('server/codes/told-codes.ts', 'TOLD_CODES');
    assert.deepEqual(Object.keys(known).toSorted(), Object.keys(told).toSorted());
    const words = ({ title, remedy, actor }: Words) => ({ title, remedy, actor });
    for (const [code, entry] of Object.entries(known)) {
      assert.deepEqual([code, words(entry)], [code, told[code] && words(told[code])]);
    }
  });
});
