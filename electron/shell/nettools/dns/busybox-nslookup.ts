import { type Process, type Task } from '../../../engine/cluster.ts'
import { nameFault, serverAddresses } from './bind.ts'
import { recordText } from './nslookup-text.ts'
import { askOnce, queryFor, resolverConfig, reverseName, type Answer, type QueryFailure, type Question } from './query.ts'

const bare = (name: string): string => (name === '.' ? name : name.replace(/\.$/, ''))
const USAGE = 'BusyBox v1.37.0 (2024-09-26 21:31:42 UTC) multi-call binary.\n\nUsage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]\n\nQuery DNS about HOST\n\nQUERY_TYPE: soa,ns,a,aaaa,cname,mx,txt,ptr,srv,any\n'
const TYPES = ['SOA', 'NS', 'A', 'AAAA', 'CNAME', 'MX', 'TXT', 'PTR', 'SRV', 'ANY']

/** The applet of busybox 1.36: A and AAAA at once, each with a heading, and the search list for short names. */
export function* busyboxNslookup(process: Process): Task<number> {
  const fail = function* (text: string): Task<number> {
    yield* process.printError(text)
    return 1
  }
  if (process.argv.includes('--help')) {
    yield* process.printError(USAGE)
    return 0
  }
  const words: string[] = []
  const asked: string[] = []
  let debug = false
  for (const argument of process.argv.slice(1)) {
    const [option, value] = argument.slice(1).split(/=(.*)/s) as [string, string?]
    if (!argument.startsWith('-') || argument === '-') words.push(argument)
    else if (option !== '' && value !== undefined && ['type', 'querytype'].some((word) => word.startsWith(option))) {
      if (!TYPES.includes(value.toUpperCase())) return yield* fail(`nslookup: invalid query type "${value}"\n`)
      asked.push(value.toUpperCase())
    } else if (value === undefined && 'debug'.startsWith(option)) debug = true
    else if (value === undefined || !['port', 'retry', 'timeout'].some((word) => word.startsWith(option))) return yield* fail(USAGE)
  }
  if (words.length === 0 || words.length > 2) return yield* fail(USAGE)
  const config = resolverConfig(process)
  const [, host, port] = /^([\d.]+):(\d+)$/.exec(words[1] ?? '') ?? [undefined, words[1], '53']
  const [server] = host === undefined ? [config.nameservers[0] ?? '127.0.0.1'] : yield* serverAddresses(process, host)
  if (server === undefined) return yield* fail(`nslookup: bad address '${words[1]}'\n`)
  // only what it makes of an address by itself is turned round
  const reverse = asked.length === 0 ? reverseName(words[0]!) : undefined
  const types = reverse ? ['PTR'] : asked.length === 0 ? ['A', 'AAAA'] : asked
  // It does not know ndots, and does not look at resolv.conf at all when the server is given.
  const isWhole = words[0]!.includes('.') || words[1] !== undefined || config.search.length === 0
  const names = reverse ? [reverse] : isWhole ? [words[0]!] : config.search.map((d) => `${words[0]}.${d}`)
  const nobody = ';; connection timed out; no servers could be reached\n\n'
  if (nameFault(words[0]!) !== undefined) {
    yield* process.print(nobody)
    return yield* fail(`nslookup: write to '${server}': Message too long\n`)
  }
  let output = ''
  let failed = false
  for (const [row, type] of types.entries()) {
    for (const [column, name] of names.entries()) {
      const answer = yield* twice(process, { name, type, server, port: Number(port), tcp: false, timeout: 5000, tries: 1, recursion: true, edns: false })
      if ('failure' in answer) {
        yield* process.print((answer.failure === 'refused' ? `nslookup: read: Connection refused\n` : '') + nobody)
        return 1
      }
      const { rcode, answers, authoritative } = answer.message
      if (debug) output += `Query #${row * names.length + column} completed in ${Math.round(answer.ms)}ms:\n`
      if (rcode !== 'NOERROR') {
        output += `** server can't find ${bare(name)}: ${rcode}\n\n`
        failed = true
      } else {
        if (!authoritative) output += 'Non-authoritative answer:\n'
        else if (debug) output += 'authoritative answer:\n'
        // of a text it shows the first piece
        output += answers.map((r) => recordText(r.data.type === 'TXT' ? { ...r, data: { ...r.data, strings: r.data.strings.slice(0, 1) } } : r).replace(/\.\n/g, '\n')).join('')
        output += '\n'
      }
    }
  }
  yield* process.print(`Server:\t\t${server}${host === words[1] ? '' : `:${port}`}\nAddress:\t${server}:${port}\n\n${output}`)
  return failed ? 1 : 0
}

/** It never asks over TCP: an answer that was cut off is shown as it is. */
function* twice(process: Process, question: Question): Task<Answer | QueryFailure> {
  const first = yield* askOnce(process, question, queryFor(process, question))
  return 'message' in first ? first : yield* askOnce(process, question, queryFor(process, question))
}
