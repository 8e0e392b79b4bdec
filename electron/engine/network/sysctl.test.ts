import { expect, test } from 'vitest'
import { Sysctls } from './sysctl.ts'

test('a setting as a number is what was written last, what a module brings, and the default again after a restart', () => {
  const settings = new Sysctls('node')
  const max = (): number | undefined => settings.known('net.netfilter.nf_conntrack_max')
  expect(max()).toBe(262_144)
  settings.set('net.netfilter.nf_conntrack_max', '100')
  expect(max()).toBe(100)
  settings.forget()
  expect(max()).toBe(262_144)
  expect(settings.known('net.ipv4.vs.conntrack')).toBeUndefined()
  settings.addDefaults({ 'net.ipv4.vs.conntrack': '1', 'net.netfilter.nf_conntrack_max': '7' })
  expect([settings.known('net.ipv4.vs.conntrack'), max()]).toEqual([1, 7])
  expect(settings.number('net.ipv4.nothing')).toBe(0)
})
