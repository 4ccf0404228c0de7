import {
  authenticodeDigest,
  digestOnceSigned,
  isUnifiedKernel,
  measuredSections,
  parsePeImage,
  readSbat,
} from '@touchstone/eventlog';
import { madeImage } from '../../support/made-image.ts';
import type { Target } from '../target.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const SBAT = {
  name: '.sbat',
  data: utf8('sbat,1,SBAT Version,sbat,1,url\nshim,4,UEFI shim,s,1,u\n'),
};

const SEEDS: readonly Uint8Array[] = [
  madeImage({ sections: [SBAT, { name: '.text', data: new Uint8Array(64) }] }),
  madeImage({
    format: 'pe32',
    reversed: true,
    trailing: new Uint8Array(3),
    sections: [SBAT, { name: '.linux', data: utf8('kernel'), virtualSize: 16 }],
    certificates: new Uint8Array(8),
  }),
  madeImage({ directories: 4, sections: [{ name: '.cmdline', data: utf8('ro') }] }),
];

/** UEFI images: out of packages, which anybody may have made. */
export const IMAGE_TARGETS: readonly Target[] = [
  {
    name: 'pe-image',
    seeds: () => SEEDS,
    read: (bytes) => {
      const image = parsePeImage(bytes);
      authenticodeDigest(bytes, 'sha256');
      digestOnceSigned(bytes, 'sha256');
      if (isUnifiedKernel(image)) measuredSections(bytes, image, 'sha256');
      readSbat(bytes, image);
      return undefined;
    },
  },
];
