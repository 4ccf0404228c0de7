import { rm } from 'node:fs/promises';
import { liveInProcess } from '../support/mortal-process.ts';
import { assertSound, copyOf, newestRotation, rotatingTemplate } from '../support/rotating-ca.ts';
import { type Random, randomFrom } from '../../../test/fuzz/random.ts';
import { startPostgres } from '../../../test/support/postgres.ts';

/** As long as a process may live at most: most are killed earlier. */
const LONGEST_MS = 400;

/**
 * Started by `npm run soak` as `rotation-kills.ts KILLS RUN`.
 *
 * Rotations of the CA's keys, of all kinds, one after the other, by processes that are killed whenever chance has it:
 * `kills` times. Throws at what must never be: a key forgotten, two that issue, a host refused.
 */
async function killRotations(kills: number, random: Random): Promise<number> {
  const postgres = await startPostgres();
  const template = await rotatingTemplate(postgres, 'soaked');
  const ca = await copyOf(postgres, template, 'ca', ['one', 'two', 'three']);
  let [killed, rotations] = [0, 0];
  try {
    while (killed < kills) {
      const before = await newestRotation(ca);
      const mode = random.pick(['planned', 'planned', 'planned', 'compromise'] as const);
      const kind = random.pick(['issuing', 'root'] as const);
      const takenBack = mode === 'planned' && random.below(4) === 0;
      for (;;) {
        const now = await newestRotation(ca);
        const started = now !== undefined && now.id !== before?.id;
        if (started && now.endedAt !== null) break;
        const asked = { kind, mode, auto: true, reason: 'soak' } as const;
        const errand = !started
          ? ({ do: 'start', asked } as const)
          : takenBack && now.phase === 'reissue'
            ? ({ do: 'take-back', id: now.id } as const)
            : ({ do: 'go-on' } as const);
        const killedAfterMs = random.below(LONGEST_MS);
        if (await liveInProcess(ca, errand, { nth: 0, killedAfterMs })) killed += 1;
        await ca.aloneAgain();
        await assertSound(ca, { refusing: true });
        if (random.below(2) === 0) await ca.follow();
        await ca.report();
      }
      rotations += 1;
      await ca.follow();
      await assertSound(ca);
      console.log(`${String(killed).padStart(5)} kills, ${rotations} rotations: ${mode}, ${kind}`);
    }
  } finally {
    await ca.close();
    await postgres.stop();
    await rm(template.dir, { recursive: true, force: true });
  }
  return rotations;
}

const [kills = 200, run = 1] = process.argv.slice(2).map(Number);
const rotations = await killRotations(kills, randomFrom(run));
console.log(`at least ${kills} kills in ${rotations} rotations of the CA's keys, nothing wrong`);
