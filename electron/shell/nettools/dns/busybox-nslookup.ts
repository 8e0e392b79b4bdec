import { type Process, type Task } from '../../../engine/cluster.ts'
import { serverAddresses } from './bind.ts'
import { recordText } from './nslookup-text.ts'
import { ask, resolverConfig, reverseName } from './query.ts'

const bare = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''))

/** The applet of busybox 1.36: A and AAAA at once, each with a heading, and the search list for short names. */
export function* busyboxNslookup(process: Process): Task<number> {
  const words = process.argv.slice(1).filter((a) => !a.startsWith('-'))
  const typeOption = process.argv.slice(1).map((a) => /^-(?:type|querytype|q)=(.*)$/.exec(a)?.[1]).find((t) => t !== undefined)
  if (words.length === 0) {
    yield* process.printError('BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n')
    return 1
  }
  const config = resolverConfig(process)
  const [server] = words[1] === undefined ? [config.nameservers[0] ?? '127.0.0.1'] : yield* serverAddresses(process, words[1])
  if (server === undefined) {
    yield* process.printError(`nslookup: bad address '${words[1]}'\n`)
    return 1
  }
  const reverse = reverseName(words[0]!)
  const types = reverse ? ['PTR'] : typeOption === undefined ? ['A', 'AAAA'] : [typeOption.toUpperCase()]
  // It does not know ndots, and does not look at resolv.conf at all when the server is given.
  const isWhole = words[0]!.includes('.') || words[1] !== undefined || config.search.length === 0
  const names = reverse ? [reverse] : isWhole ? [words[0]!] : config.search.map((d) => `${words[0]}.${d}`)
  let output = ''
  let failed = false
  for (const type of types) {
    for (const name of names) {
      const answer = yield* ask(process, { name, type, server, port: 53, tcp: false, timeout: 5000, tries: 2, recursion: true, edns: false })
      if ('failure' in answer) {
        yield* process.print((answer.failure === 'refused' ? `nslookup: read: Connection refused\n` : '') + ';; connection timed out; no servers could be reached\n\n')
        return 1
      }
      const { rcode, answers, authoritative } = answer.message
      if (rcode !== 'NOERROR') {
        output += `** server can't find ${bare(name)}: ${rcode}\n\n`
        failed = true
      } else {
        if (!authoritative) output += 'Non-authoritative answer:\n'
        output += answers.map((r) => recordText(r).replace(/\.\n/g, '\n')).join('')
        output += '\n'
      }
    }
  }
  yield* process.print(`Server:\t\t${server}\nAddress:\t${server}:53\n\n${output}`)
  return failed ? 1 : 0
}
