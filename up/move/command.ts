import { resolve } from 'node:path';
import { rowsOf } from '../database-facts.ts';
import { progressTo } from '../progress.ts';
import { checkMove, move as moveTo, type Moved } from './move.ts';
import { readTarget, type TargetOptions } from './target.ts';

type Options = TargetOptions & {
  readonly data: string;
  readonly dryRun?: true;
  readonly json?: true;
};

/** `touchstone move --to postgres://…`. */
export async function move(options: Options, stop: AbortSignal): Promise<void> {
  const target = readTarget(options);
  const dataDir = resolve(options.data);
  const progress = progressTo(process.stderr, stop);
  const { host, port, tls } = target.address;
  if (options.dryRun === true) {
    await checkMove(target, { dataDir, progress });
    const way = tls ? 'TLS, its certificate checked' : 'clear text, on this machine';
    const text = `\nNothing stands in the way of a move to ${host}:${port} (${way}). Nothing was changed.\n`;
    return print(options, { dryRun: true, address: target.address }, text);
  }
  const moved = await moveTo(target, { dataDir, progress });
  const { copied } = moved;
  const rows = copied && rowsOf(copied.touchstone) + rowsOf(copied.touchstone_ca);
  print(
    options,
    { moved: true, ...moved, copied: undefined, rows },
    movedText(dataDir, moved, rows),
  );
}

function print({ json }: Pick<Options, 'json'>, value: object, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text);
}

function movedText(dataDir: string, { address, oldCluster }: Moved, rows: number | null): string {
  const what = rows === null ? 'It had moved already' : `${rows} rows moved, and compared`;
  return `
${what}. This deployment now uses the PostgreSQL at ${address.host}:${address.port}.

Start it as before:  touchstone up --data ${dataDir} …
Another server:      docs/deployment.md, "Outgrowing one machine"
The old cluster is kept in ${oldCluster} and never started. Once you have a backup
that is younger than the move, remove it: it holds what was true before.
`;
}
