import { contextConstructed, contextPrimitive } from './der-reader.ts';
import { derOf, encodeText } from './der-writer.ts';

/** DistributionPointName with the full name of one URL, as [0] of what it stands in: RFC 5280, 4.2.1.13. */
export function encodeDistributionPointName(url: string): Uint8Array {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(url) || url.length > 1_024) throw new RangeError('crl url');
  const uri = encodeText(contextPrimitive(6), url);
  return derOf(contextConstructed(0), derOf(contextConstructed(0), uri));
}
