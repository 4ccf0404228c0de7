import { ParseError, Reader } from '@touchstone/tpm';
import { type DevicePath, readDevicePath } from './device-path.ts';
import { utf16Text } from './utf16.ts';

/** EFI_LOAD_OPTION: UEFI 2.10, 3.1.3. What Boot#### variables hold. */
export type LoadOption = {
  /** LOAD_OPTION_ACTIVE is the lowest bit. */
  readonly attributes: number;
  readonly description: string;
  /** The first is where the image is. */
  readonly filePaths: readonly DevicePath[];
  /** A view on the input. */
  readonly optionalData: Uint8Array;
};

const MAX_PATHS = 16;

/** Throws ParseError of readDevicePath, LOAD_OPTION_PATHS or TRUNCATED. */
export function parseLoadOption(bytes: Uint8Array): LoadOption {
  const reader = new Reader(bytes, 'little');
  const attributes = reader.u32('Attributes');
  const length = reader.u16('FilePathListLength');
  const description = readNulEnded(reader, bytes);
  const list = reader.window(length, 'FilePathList');
  const filePaths: DevicePath[] = [];
  while (list.remaining > 0) {
    if (filePaths.length === MAX_PATHS) {
      throw new ParseError('LOAD_OPTION_PATHS', 'FilePathList', list.offset, `over ${MAX_PATHS}`);
    }
    filePaths.push(readDevicePath(list, `FilePathList[${filePaths.length}]`));
  }
  const optionalData = reader.bytes(reader.remaining, 'OptionalData');
  return { attributes, description, filePaths, optionalData };
}

function readNulEnded(reader: Reader, bytes: Uint8Array): string {
  const start = reader.offset;
  while (reader.u16('Description') !== 0);
  return utf16Text(bytes.subarray(start, reader.offset - 2));
}
