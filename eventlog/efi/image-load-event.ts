import { Reader } from '@touchstone/tpm';
import { type DevicePath, parseDevicePath } from './device-path.ts';

/** UEFI_IMAGE_LOAD_EVENT: TCG PC Client PFP, 10.2.2. The event's digest is the image's Authenticode digest. */
export type ImageLoadEvent = {
  readonly imageLocation: bigint;
  /** Bytes. */
  readonly imageLength: bigint;
  readonly imageLinkTimeAddress: bigint;
  /** Null where firmware or loader gave none: an image out of memory. */
  readonly devicePath: DevicePath | null;
};

/** shim before 15.5 logged so many bytes more than the structure has: of its C structure's last member. */
const SHIM_EXCESS = [8, 9];

/** Throws ParseError of parseDevicePath, TRUNCATED or TRAILING_BYTES. */
export function parseImageLoadEvent(bytes: Uint8Array): ImageLoadEvent {
  const reader = new Reader(bytes, 'little');
  const imageLocation = reader.u64('ImageLocationInMemory');
  const imageLength = reader.u64('ImageLengthInMemory');
  const imageLinkTimeAddress = reader.u64('ImageLinkTimeAddress');
  const length = reader.u64('LengthOfDevicePath');
  // A reader takes safe numbers alone; nothing that is left is that long.
  const size = length > BigInt(reader.remaining) ? reader.remaining + 1 : Number(length);
  const path = reader.bytes(size, 'DevicePath');
  if (!SHIM_EXCESS.includes(reader.remaining)) reader.end('UEFI_IMAGE_LOAD_EVENT');
  const devicePath = size === 0 ? null : parseDevicePath(path);
  return { imageLocation, imageLength, imageLinkTimeAddress, devicePath };
}
