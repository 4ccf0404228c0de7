import { isDeepStrictEqual } from 'node:util';
import {
  canonicalOf,
  parseXml,
  readDisks,
  readQcow2Header,
  requireCovered,
} from '@touchstone/agent';
import { domainXml } from '../../support/libvirt-domain.ts';
import type { Target } from '../target.ts';

type XmlElement = ReturnType<typeof parseXml>;

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const SECRET = '11111111-2222-4333-8444-555555555555';
const DOMAINS = [
  domainXml({ name: 'plain', disks: [{ file: '/a.raw' }] }),
  domainXml({
    name: 'rich',
    disks: [
      { file: '/root.qcow2', format: 'qcow2', further: '<transient/><alias name="virtio-disk0"/>' },
      { file: '/sealed', secret: SECRET, further: '<backingStore/>' },
    ],
    devices:
      '<serial type="pty"><source path="/dev/pts/1"/></serial><interface type="user"><target dev="vnet0"/></interface>' +
      '<graphics type="vnc" port="5900" autoport="yes"/><hostdev type="pci"><boot order="1"/></hostdev>',
    os: '<kernel>/k</kernel><cmdline>a  b &amp; &#x63;</cmdline><loader type="pflash">/code</loader>',
  }),
  '<domain type="qemu" xmlns:q="urn:q"><q:commandline q:a="1"/><metadata>x<!-- y --><![CDATA[<z>]]></metadata></domain>',
  '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///x">]><domain>&e;</domain>',
];

function qcow2(): Buffer {
  const header = Buffer.alloc(256);
  header.write('QFI\u00fb', 'latin1');
  header.writeUInt32BE(3, 4);
  header.writeBigUInt64BE(200n, 8);
  header.writeUInt32BE(9, 16);
  header.writeUInt32BE(9, 20);
  header.writeUInt32BE(104, 100);
  header.writeUInt32BE(0xe2792aca, 104);
  header.writeUInt32BE(5, 108);
  header.write('qcow2', 112);
  header.write('base.qcow', 200);
  return header;
}

/** What libvirt hands over, and the headers of images, which the guest itself may have written. */
export const DOMAIN_TARGETS: readonly Target[] = [
  {
    name: 'domain-xml',
    seeds: () => DOMAINS.map(utf8),
    read: (bytes) => {
      const domain = parseXml(new TextDecoder().decode(bytes));
      for (const view of ['definition', 'started'] as const) {
        const again = canonicalOf(parseXml(otherwise(domain)), view);
        if (!isDeepStrictEqual(again, canonicalOf(domain, view))) {
          throw new Error('another form of the same domain is another domain');
        }
      }
      readDisks(domain, { vm: SECRET, known: true, disks: [{ name: 'vdb', kind: 'sealed' }] });
      requireCovered(domain);
      return undefined;
    },
  },
  {
    name: 'qcow2-header',
    seeds: () => [qcow2(), qcow2().subarray(0, 104)],
    read: (bytes) => {
      readQcow2Header(bytes);
      return undefined;
    },
  },
];

/** The same domain, written otherwise: attributes turned round, other quotes, spaces between elements. */
function otherwise({ name, attributes, children }: XmlElement): string {
  const [, uri = '', local = name] = /^\{(.*)\}(.*)$/su.exec(name) ?? [];
  const tag = uri === '' ? local : `n:${local}`;
  const words = [...attributes].toReversed().map(([key, value], index) => {
    const [, space = '', rest = key] = /^\{(.*)\}(.*)$/su.exec(key) ?? [];
    if (space === '') return ` ${rest} = "${escaped(value)}"`;
    if (space === 'http://www.w3.org/XML/1998/namespace') return ` xml:${rest}="${escaped(value)}"`;
    return ` xmlns:a${index}="${escaped(space)}" a${index}:${rest}="${escaped(value)}"`;
  });
  const space = uri === '' ? '' : ` xmlns:n="${escaped(uri)}"`;
  const gap = children.every((child) => typeof child !== 'string') ? '\n\t' : '';
  const inner = children.map((child) =>
    typeof child === 'string' ? escaped(child) : otherwise(child),
  );
  const within = children.length === 0 ? '' : `${gap}${inner.join(gap)}${gap}`;
  return `<${tag}${space}${words.join('')}>${within}</${tag} >`;
}

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"'\r\n\t]/gu, (character) => `&#${character.charCodeAt(0)};`);
