import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { shown, twoWorlds, type Mask } from './nettools/compare.ts'
import { answerDns } from './nettools/dns-answers.ts'
import { has } from './nettools/worlds.ts'

/** dig, host and nslookup of Debian 12, with the same name server in both worlds. */
const available = has('ip', 'dig', 'host', 'nslookup')
if (!available) console.warn("SKIPPED: dig, host and nslookup are not compared with the real ones (needs Linux, root, iproute2 and bind's tools)")

const mask: Mask = (text) =>
  text.replace(/id: \d+/g, 'id: N').replace(/Query time: \d+ [mu]sec/g, 'Query time').replace(/WHEN: .*/g, 'WHEN').replace(/COOKIE: [0-9a-f]+/g, 'COOKIE: C').replace(/in \d+ ms/g, 'in N ms')

const lines = readFileSync(join(import.meta.dirname, 'nettools/dns.txt'), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))

describe.skipIf(!available)("bind's tools agree", () => {
  const worlds = twoWorlds({ prepare: async (world) => {
    await world.serveDns('p3', '10.244.2.2', answerDns)
    world.file('p1', '/etc/resolv.conf', 'nameserver 10.244.2.2\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n')
  } })

  // "COMMAND <<< INPUT", with \\n between its lines
  it.each(lines)('on %s', async (row) => {
    const [line, input] = row.split(' <<< ') as [string, string?]
    const stdin = input?.replaceAll('\\n', '\n') ?? ''
    const [expected, actual] = [await worlds.there.run('p1', line, { stdin }), await worlds.here.run('p1', line, { stdin })]
    expect(shown('p1', row, actual, mask)).toBe(shown('p1', row, expected, mask))
  })
})
