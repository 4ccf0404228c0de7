import { Readable } from 'node:stream';
import { refuse } from '../codes.ts';
import { connect, type DatabaseName, DATABASES, type Postgres } from '../database-access.ts';
import {
  type DatabaseFacts,
  differences,
  inSnapshot,
  majorVersion,
  readFacts,
} from '../database-facts.ts';
import { dumpDatabase, loadDatabase } from '../postgres-programs.ts';
import { counted, type Progress } from '../progress.ts';

/** All of one database into an empty one, in one transaction there, and compared table by table. */
export async function copyDatabase(
  name: DatabaseName,
  {
    from,
    to,
    progress,
  }: { readonly from: Postgres; readonly to: Postgres; readonly progress: Progress },
): Promise<DatabaseFacts> {
  const { owner } = DATABASES[name];
  const source = await connect(from.access(name, owner));
  try {
    return await inSnapshot(source, async (snapshot) => {
      const major = await majorVersion(source);
      const dump = dumpDatabase(from.access(name, owner), { snapshot, major });
      const pieces = counted(dump, `copying ${name}`, progress);
      await loadDatabase(to.access(name, owner), { dump: Readable.from(pieces), major });
      progress(`comparing ${name}`);
      const expected = await readFacts(source);
      await compare(to, name, expected);
      return expected;
    });
  } finally {
    await source.end();
  }
}

/** @throws UpError MOVE_DIFFERS */
async function compare(to: Postgres, name: DatabaseName, expected: DatabaseFacts): Promise<void> {
  const target = await connect(to.access(name, DATABASES[name].owner));
  try {
    const wrong = differences(expected, await inSnapshot(target, () => readFacts(target)));
    if (wrong.length > 0) throw refuse('MOVE_DIFFERS', `${name}: ${wrong.join(', ')}`);
    await target.query('ANALYZE');
  } finally {
    await target.end();
  }
}
