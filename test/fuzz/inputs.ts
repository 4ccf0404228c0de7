import { damagedEverywhere, mutate } from './mutate.ts';
import { randomFrom } from './random.ts';

/**
 * The inputs of one target by their number: first every seed damaged at each place, then changed seeds for as
 * many as are asked for. Number and seed of the run make each of them again.
 */
export function* inputsOf(
  seeds: readonly Uint8Array[],
  { run, count }: { readonly run: number; readonly count: number },
): Generator<Uint8Array> {
  let given = 0;
  // Half at most: a long seed has many places.
  const share = Math.ceil(count / 2 / seeds.length);
  for (const seed of seeds) {
    let ofThis = 0;
    for (const damaged of damagedEverywhere(seed)) {
      if (ofThis >= share) break;
      yield damaged;
      ofThis += 1;
    }
    given += ofThis;
  }
  for (; given < count; given += 1) yield changed(seeds, run, given);
}

function changed(seeds: readonly Uint8Array[], run: number, number: number): Uint8Array {
  const random = randomFrom(Math.imul(run + 1, 0x9e37_79b1) ^ number);
  return mutate(random.pick(seeds), random, seeds);
}
