import type { Reader } from '@touchstone/tpm';
import { hex, hexOf, type NodeText } from './node-text.ts';
import { byteString } from './utf16.ts';

/** The messaging nodes that are of a network: UEFI 2.10, 10.3.4.11 to 10.3.4.34. */
export const networkNode = (subType: number, body: Reader): string | undefined =>
  NODES[subType]?.(body);

const NODES: Readonly<Record<number, NodeText>> = {
  11: (body) => {
    const address = body.bytes(32, 'MacAddress');
    const type = body.u8('IfType');
    // Ethernet, and what says that it is nothing, have six bytes.
    return `MAC(${hexOf(type <= 1 ? address.subarray(0, 6) : address)},${hex(type)})`;
  },
  12: ipv4,
  13: ipv6,
  19: iscsi,
  20: (body) => `Vlan(${body.u16('VlanId')})`,
  24: (body) => `Uri(${utf8(body)})`,
  28: (body) => `Wi-Fi(${byteString(body.bytes(32, 'SSId'))})`,
  31: (body) => {
    const isIpv6 = body.u8('IsIPv6') !== 0;
    const servers: string[] = [];
    do {
      const address = body.bytes(16, 'DnsServerIp');
      servers.push(isIpv6 ? ipv6Text(address) : ipv4Text(address.subarray(0, 4)));
    } while (body.remaining > 0);
    return `Dns(${servers.join(',')})`;
  },
};

const utf8 = (body: Reader): string => byteString(body.bytes(body.remaining, 'Uri'));

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'TCP', 17: 'UDP' };

const protocolText = (protocol: number): string => PROTOCOLS[protocol] ?? hex(protocol);

const ipv4Text = (address: Uint8Array): string => [...address].join('.');

const ipv6Text = (address: Uint8Array): string => (hexOf(address).match(/.{4}/gu) ?? []).join(':');

/** UEFI 2.10, 10.3.4.12. Before 2.1 it had no gateway and no mask. */
function ipv4(body: Reader): string {
  const local = ipv4Text(body.bytes(4, 'LocalIPAddress'));
  const remote = ipv4Text(body.bytes(4, 'RemoteIPAddress'));
  // The ports.
  body.bytes(4, 'LocalPort');
  const protocol = protocolText(body.u16('Protocol'));
  const origin = body.u8('StaticIPAddress') === 0 ? 'DHCP' : 'Static';
  const text = `${remote},${protocol},${origin},${local}`;
  if (body.remaining === 0) return `IPv4(${text})`;
  const gateway = ipv4Text(body.bytes(4, 'GatewayIPAddress'));
  return `IPv4(${text},${gateway},${ipv4Text(body.bytes(4, 'SubnetMask'))})`;
}

const ORIGINS = ['Static', 'StatelessAutoConfigure', 'StatefulAutoConfigure'];

/** UEFI 2.10, 10.3.4.13. Before 2.2 it had no prefix length and no gateway. */
function ipv6(body: Reader): string {
  const local = ipv6Text(body.bytes(16, 'LocalIPAddress'));
  const remote = ipv6Text(body.bytes(16, 'RemoteIPAddress'));
  body.bytes(4, 'LocalPort');
  const protocol = protocolText(body.u16('Protocol'));
  const origin = body.u8('IPAddressOrigin');
  const text = `${remote},${protocol},${ORIGINS[origin] ?? hex(origin)},${local}`;
  if (body.remaining === 0) return `IPv6(${text})`;
  const prefix = hex(body.u8('PrefixLength'));
  return `IPv6(${text},${prefix},${ipv6Text(body.bytes(16, 'GatewayIPAddress'))})`;
}

/** UEFI 2.10, 10.3.4.20. */
function iscsi(body: Reader): string {
  const protocol = body.u16('NetworkProtocol');
  const options = body.u16('LoginOptions');
  const unit = hexOf(body.bytes(8, 'LogicalUnitNumber'));
  const group = body.u16('TargetPortalGroupTag');
  const target = utf8(body);
  const over = protocol === 0 ? 'TCP' : hex(protocol);
  return `iSCSI(${target},${hex(group)},0x${unit},${hex(options)},${over})`;
}
