import { UpError } from './failure.ts';

/** Tells people a line. Throws once somebody wants it all to stop, so that it stops between two steps. */
export type Progress = ((line: string) => void) & { readonly stop: AbortSignal };

export function progressTo(stream: NodeJS.WritableStream, stop: AbortSignal): Progress {
  const tell = (line: string) => {
    stopIfAsked(stop);
    stream.write(`touchstone: ${line}\n`);
  };
  return Object.assign(tell, { stop });
}

const TELL_EVERY_MS = 5_000;

/** The same bytes; tells of them at first and from time to time. */
export async function* counted(
  pieces: AsyncIterable<Uint8Array>,
  what: string,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  progress(what);
  let bytes = 0;
  let toldAt = Date.now();
  for await (const piece of pieces) {
    stopIfAsked(progress.stop);
    bytes += piece.length;
    if (Date.now() - toldAt >= TELL_EVERY_MS) {
      progress(`${what}: ${sizeText(bytes)}`);
      toldAt = Date.now();
    }
    yield piece;
  }
}

/** @throws UpError INTERRUPTED */
function stopIfAsked(stop: AbortSignal): void {
  if (!stop.aborted) return;
  throw new UpError('INTERRUPTED', 'stopped half-way', 'Run it again: nothing was lost.');
}

/** Decimal, as disks are sold. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let size = bytes / 1_000;
  while (size >= 1_000 && units.length > 1) {
    size /= 1_000;
    units.shift();
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${units[0]}`;
}
