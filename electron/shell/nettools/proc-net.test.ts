import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'
import { twoNodes } from './machines.samples.ts'

it('shows the network as the kernel writes it into /proc/net and /sys', () => {
  const { a, c } = twoNodes()
  const { fs } = a.machine
  const lines = (text: string): string[] => text.trimEnd().split('\n').map((l) => l.trimEnd())
  expect(lines(fs.readText('/proc/net/route')).slice(1)).toEqual(['eth0\t00000000\t0101F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0', 'eth0\t0001F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0'])
  a.start('nc -l -p 9')
  c.start('nc -l -k -p 80')
  c.network.clock.runFor(10)
  expect(c.machine.fs.readText('/proc/net/tcp')).toMatch(/^ {2}sl {2}local_address rem_address {3}st .*\n {3}0: 00000000:0050 00000000:0000 0A 00000000:00000000 /)
  a.run('ping -c 1 10.244.2.2')
  expect(fs.readText('/proc/net/arp')).toMatch(/\n10\.244\.1\.1 {7}0x1 {9}0x2 {9}([0-9a-f]{2}:){5}[0-9a-f]{2} {5}\* {8}eth0\n/)
  expect(fs.readText('/sys/class/net/eth0/mtu')).toBe('1500\n')
  expect(fs.readText('/sys/class/net/lo/operstate')).toBe('unknown\n')
  expect(fs.readText('/proc/sys/net/ipv4/ip_default_ttl')).toBe('64\n')
  expect(fs.readDirectory('/proc/sys/net/ipv4/conf')).toEqual(['all', 'default', 'eth0', 'lo'])
  expect(fs.exists('/proc/sys/net/ipv4/nope')).toBe(false)
})

it('shows the ports of a bridge below /sys, with their hairpin mode ("Debug Services" of kubernetes.io)', () => {
  const { run } = house({ nodes: 2, cni: 'bridge' })
  run('kubectl run web --image=nginx; kubectl wait --for=condition=Ready pod/web')
  const node = (line: string): string => run(`hop node worker-1 -- sh -c '${line}'`).output
  const ports = node('ls /sys/devices/virtual/net/cbr0/brif').trim().split(/\s+/)
  expect(ports.length).toBeGreaterThan(0)
  for (const port of ports) expect(port).toMatch(/^veth[0-9a-f]{8}$/)
  expect(node('for intf in /sys/devices/virtual/net/cbr0/brif/*; do cat $intf/hairpin_mode; done')).toBe('1\n'.repeat(ports.length))
  const [port] = ports
  expect(node(`bridge link set dev ${port!} hairpin off; cat /sys/class/net/${port!}/brport/hairpin_mode`)).toBe('0\n')
  expect(node(`echo 1 > /sys/class/net/cbr0/brif/${port!}/hairpin_mode; bridge -d link show dev ${port!} | grep -c "hairpin on"`)).toBe('1\n')
  expect(node('ls /sys/devices/virtual/net | grep -cx eth0; ls -d /sys/class/net/eth0/brport 2>/dev/null; ls /sys/class/net | grep -cx eth0')).toBe('0\n1\n')
})
