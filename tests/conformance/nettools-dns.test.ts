import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { shown, twoWorlds, type Mask } from './nettools/compare.ts'
import { answerDns } from './nettools/dns-answers.ts'
import { has } from './nettools/worlds.ts'
import { transcriptOf } from './referee/transcript.ts'

/** dig, host and nslookup of Debian 12, with the same name server in both worlds. */
const transcript = transcriptOf('nettools-dns')

const mask: Mask = (text) =>
  text.replace(/id: \d+/g, 'id: N').replace(/Query time: \d+ [mu]sec/g, 'Query time').replace(/WHEN: .*/g, 'WHEN').replace(/COOKIE: [0-9a-f]+/g, 'COOKIE: C').replace(/in \d+ ms/g, 'in N ms')

const lines = readFileSync(join(import.meta.dirname, 'nettools/dns.txt'), 'utf8').split('\n').filter((l) => l !== '' && !l.startsWith('#'))

describe("bind's tools agree", () => {
  const worlds = twoWorlds({ prepare: async (world) => {
    await world.serveDns('p3', '10.244.2.2', answerDns)
    world.file('p1', '/etc/resolv.conf', 'nameserver 10.244.2.2\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n')
  } })

  // "COMMAND <<< INPUT", with \\n between its lines
  for (const row of lines) {
    const [line, input] = row.split(' <<< ') as [string, string?]
    const stdin = input?.replaceAll('\\n', '\n') ?? ''
    const comparison = transcript.entry(row)
    const tool = line.split(' ')[0]!
    it.skipIf(!comparison.heldBy(has(tool)))(`on ${row}`, () => worlds.hold(comparison, async (world) => shown('p1', row, await world.run('p1', line, { stdin }), mask), [tool]))
  }
})
