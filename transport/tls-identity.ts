import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from './app-error.ts';
import type { ListeningTls } from './listen.ts';
import { spkiPinOf } from './pin.ts';

const LOOK_EVERY_MS = 2_000;

export type TlsFiles = {
  readonly tls: { readonly keyFile: string; readonly certFile: string };
  /** What `tls` will be; none while there is no such file. */
  readonly nextTls?: { readonly certFile: string } | undefined;
};

/** What a process shows to those who connect. */
export type ShownTls = {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  readonly pin: string;
  readonly since: Date;
  readonly endsAt: Date;
};

/**
 * The TLS key and certificate in these files, and the key that comes after. Both are looked at again: files that were
 * changed are shown without a restart, once key and certificate are of one another.
 */
export type TlsIdentity = {
  readonly shown: ShownTls;
  /** Of the key of now, and of the next. */
  readonly pins: readonly string[];
  look(): Promise<void>;
  /** Has those who connect from now on see what is in the files. */
  keep(
    listening: ListeningTls,
    signal: AbortSignal,
    onFailure: (error: unknown) => void,
  ): Promise<void>;
};

/** @throws AppError TLS_FILES_APART */
export async function openTlsIdentity(files: TlsFiles): Promise<TlsIdentity> {
  let shown = await readShown(files.tls);
  let next = await nextPin(files);
  const look = async () => {
    next = await nextPin(files);
    shown = await readShown(files.tls);
  };
  return {
    get shown() {
      return shown;
    },
    get pins() {
      return [...new Set([shown.pin, ...(next === null ? [] : [next])])];
    },
    look,
    async keep(listening, signal, onFailure) {
      let cert = shown.cert;
      while (!signal.aborted) {
        await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
        if (signal.aborted) return;
        try {
          await look();
          if (shown.cert !== cert) listening.show(shown);
          cert = shown.cert;
        } catch (error) {
          onFailure(error);
        }
      }
    },
  };
}

async function readShown({ keyFile, certFile }: TlsFiles['tls']): Promise<ShownTls> {
  const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
  const certificate = new X509Certificate(cert);
  if (!certificate.checkPrivateKey(createPrivateKey(key))) {
    throw new AppError('TLS_FILES_APART', 503, {
      title: 'The TLS key and the TLS certificate do not belong together',
      detail: `${keyFile}, ${certFile}`,
      remedy: 'Put the certificate of that key there. What was shown before is shown until then.',
    });
  }
  const { validFromDate: since, validToDate: endsAt } = certificate;
  return { key, cert, pin: spkiPinOf(certificate), since, endsAt };
}

async function nextPin({ nextTls }: TlsFiles): Promise<string | null> {
  if (nextTls === undefined) return null;
  const pem = await readFile(nextTls.certFile, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null;
    throw cause;
  });
  return pem === null ? null : spkiPinOf(pem);
}
