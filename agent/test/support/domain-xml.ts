/** A domain as libvirt 9.0 hands it to its hook at `prepare begin`, with its images in a directory. */
export const preparedXml = (dir: string): string => `<domain type='qemu' id='3'>
  <name>g1</name>
  <uuid>02a222a5-aca6-4a4f-a8a9-ce735b07750d</uuid>
  <metadata><note xmlns='urn:people'>ours</note></metadata>
  <memory unit='KiB'>65536</memory>
  <currentMemory unit='KiB'>65536</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
    <loader readonly='yes' type='pflash'>${dir}/code.fd</loader>
    <nvram template='${dir}/vars.fd'>/var/lib/libvirt/qemu/nvram/g1_VARS.fd</nvram>
    <kernel>${dir}/kernel</kernel>
    <initrd>${dir}/initrd</initrd>
    <cmdline>root=/dev/vda ro</cmdline>
    <boot dev='hd'/>
  </os>
  <cpu mode='custom' match='exact' check='none'>
    <model fallback='forbid'>qemu64</model>
  </cpu>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${dir}/root.qcow2'/>
      <target dev='vda' bus='virtio'/>
      <transient/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='${dir}/data.raw'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'>
      <driver name='qemu' type='raw'/>
      <target dev='sda' bus='sata'/>
      <readonly/>
    </disk>
    <controller type='pci' index='0' model='pcie-root'/>
    <controller type='pci' index='1' model='pcie-root-port'>
      <target chassis='1' port='0x8'/>
    </controller>
    <interface type='user'>
      <mac address='52:54:00:d6:b9:67'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'>
      <target type='isa-serial' port='0'/>
    </serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1'>
      <listen type='address' address='127.0.0.1'/>
    </graphics>
  </devices>
</domain>
`;
