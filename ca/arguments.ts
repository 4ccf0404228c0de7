import { parseArgs } from 'node:util';

export const USAGE =
  'usage: main.ts init|serve --config FILE\n' +
  '       main.ts restored [--epoch-seen NUMBER] --config FILE\n' +
  '       main.ts issuance [--inherited] --config FILE\n' +
  '       main.ts first-operator --config FILE [--quorum 1|2]\n' +
  '       main.ts revoke-ek --config FILE --ek-ref HEX --reason TEXT\n';

const PLAIN = ['init', 'serve'] as const;
type PlainCommand = (typeof PLAIN)[number];

/** What the process was started for. */
export type Arguments = { readonly configFile: string } & (
  | { readonly command: PlainCommand }
  /** `inherited`: whoever started it is at descriptor 3. */
  | { readonly command: 'issuance'; readonly inherited: boolean }
  /** `epochSeen`: the highest that anybody is known to have seen. */
  | { readonly command: 'restored'; readonly epochSeen: number }
  | { readonly command: 'first-operator'; readonly quorum: number }
  | { readonly command: 'revoke-ek'; readonly ekRef: string; readonly reason: string }
);

/** undefined for what is no use of it. */
export function readArguments(): Arguments | undefined {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: {
        config: { type: 'string' },
        'ek-ref': { type: 'string' },
        reason: { type: 'string' },
        quorum: { type: 'string' },
        'epoch-seen': { type: 'string' },
        inherited: { type: 'boolean' },
      },
    });
    const { config: configFile, ...options } = values;
    const [command, ...more] = positionals;
    if (configFile === undefined || more.length > 0) return undefined;
    return commandOf(command ?? '', configFile, options);
  } catch {
    return undefined;
  }
}

type Options = {
  readonly 'ek-ref'?: string;
  readonly reason?: string;
  readonly quorum?: string;
  readonly 'epoch-seen'?: string;
  readonly inherited?: boolean;
};

/** Each command with its own options, and no other's. */
function commandOf(command: string, configFile: string, options: Options): Arguments | undefined {
  const only = (...names: readonly (keyof Options)[]) =>
    Object.keys(options).every((name) => names.some((known) => known === name));
  const { 'ek-ref': ekRef = '', reason = '', quorum = '1', inherited = false } = options;
  const plain = PLAIN.find((name) => name === command);
  if (plain !== undefined && only()) return { command: plain, configFile };
  if (command === 'issuance' && only('inherited')) return { command, configFile, inherited };
  const { 'epoch-seen': epochSeen = '0' } = options;
  if (command === 'restored' && only('epoch-seen') && /^[0-9]{1,10}$/.test(epochSeen)) {
    return { command, configFile, epochSeen: Number(epochSeen) };
  }
  if (command === 'first-operator' && only('quorum') && /^[12]$/.test(quorum)) {
    return { command, configFile, quorum: Number(quorum) };
  }
  const names = /^[0-9a-f]{64}$/.test(ekRef) && reason !== '';
  if (command === 'revoke-ek' && only('ek-ref', 'reason') && names) {
    return { command, configFile, ekRef, reason };
  }
  return undefined;
}
