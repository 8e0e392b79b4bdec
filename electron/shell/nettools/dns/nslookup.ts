import { type Process, type Task } from '../../../engine/cluster.ts'
import { askServers, bareName, bindNames, classOf, nameFault, serverAddresses, wholeNumber, type BindAnswer } from './bind.ts'
import { isType } from './dig-options.ts'
import { debugText, recordText, shortText } from './nslookup-text.ts'
import { resolverConfig, reverseName } from './query.ts'

const USAGE = `Usage:
   nslookup [-opt ...]             # interactive mode using default server
   nslookup [-opt ...] - server    # interactive mode using 'server'
   nslookup [-opt ...] host        # just look up 'host' using default server
   nslookup [-opt ...] host server # just look up 'host' using 'server'
`

/** nslookup(1), bind9 9.18: what `set` sets, and what has gone wrong so far. */
class Nslookup {
  readonly #process: Process
  servers: { word: string; address: string }[]
  #search: { list: readonly string[]; ndots: number; on: boolean }
  #type: string | undefined
  #class = 'IN'
  #port = 53
  #timeout = 0
  #tries = 3
  #tcp = false
  #debug = false
  #recurse = true
  #fail = false
  #answered = false
  #failed = false

  constructor(process: Process) {
    this.#process = process
    const config = resolverConfig(process)
    this.servers = (config.nameservers.length > 0 ? config.nameservers : ['127.0.0.1']).map((address) => ({ word: address, address }))
    this.#search = { list: config.search, ndots: config.ndots, on: true }
  }

  /** Of the program: nothing was answered, or one answer was a failure. */
  get code(): number {
    return this.#answered && !this.#failed ? 0 : 1
  }

  *#say(text: string): Task {
    yield* this.#process.print(text)
  }

  /** Throws nothing: what it does not know it says. */
  *set(option: string): Task {
    const [word, value] = option.split(/=(.*)/s) as [string, string?]
    const is = (full: string, least: number): boolean => word.length >= least && full.startsWith(word.toLowerCase())
    const number = function* (self: Nslookup, what: string, most: number): Task<number | undefined> {
      const n = wholeNumber(value ?? '', most, what)
      if (typeof n === 'number') return n
      yield* self.#say(n)
      return undefined
    }
    if (value !== undefined) {
      if (is('type', 2) || is('querytype', 1) || is('query', 5)) {
        if (isType(value)) this.#type = value
        else yield* this.#say(`unknown query type: ${value}\n`)
      } else if (is('class', 2)) {
        if (classOf(value) !== undefined) this.#class = value
        else yield* this.#say(`unknown query class: ${value}\n`)
      } else if (is('domain', 2)) this.#search = { ...this.#search, list: [value], on: true }
      else if (is('port', 2)) this.#port = (yield* number(this, 'port', 65_535)) ?? this.#port
      else if (is('timeout', 1)) this.#timeout = (yield* number(this, 'timeout', 0xffff)) ?? this.#timeout
      else if (is('retry', 3)) this.#tries = (yield* number(this, 'tries', 0x7fffffff)) ?? this.#tries
      else if (is('ndots', 5)) this.#search = { ...this.#search, ndots: (yield* number(this, 'ndots', 128)) ?? this.#search.ndots }
      else yield* this.#say(`*** Invalid option: ${option}\n`)
      return
    }
    if (word === 'all') yield* this.#say(this.#settings())
    else if (is('debug', 3)) this.#debug = true
    else if (is('nodebug', 5)) this.#debug = false
    else if (is('vc', 2)) this.#tcp = true
    else if (is('novc', 4)) this.#tcp = false
    else if (is('recurse', 3)) this.#recurse = true
    else if (is('norecurse', 5)) this.#recurse = false
    else if (is('search', 3)) this.#search.on = true
    else if (is('nosearch', 5)) this.#search.on = false
    else if (is('defname', 3)) this.#search.on = true
    else if (is('nodefname', 5)) this.#search.on = false
    else if (is('fail', 4)) this.#fail = true
    else if (is('nofail', 6)) this.#fail = false
    else if (word === 'd2') yield* this.#process.printError('podhop: not simulated: nslookup d2 (use debug)\n')
    else if (word !== 'nod2' && !word.startsWith('sil')) yield* this.#say(`*** Invalid option: ${word}\n`)
  }

  #settings(): string {
    const no = (on: boolean, word: string): string => (on ? word : `no${word}`)
    return (
      this.serversText() +
      `\nSet options:\n  ${no(this.#tcp, 'vc')}\t\t\t${no(this.#debug, 'debug')}\t\tnod2\n  ${no(this.#search.on, 'search')}\t\t${no(this.#recurse, 'recurse')}\n` +
      `  timeout = ${this.#timeout}\t\tretry = ${this.#tries}\tport = ${this.#port}\tndots = ${this.#search.ndots}\n  querytype = ${(this.#type ?? 'A').padEnd(8)}\tclass = ${this.#class}\n  srchlist = ${this.#search.list.join('/')}\n`
    )
  }

  serversText(): string {
    return this.servers.map(({ word, address }) => `Default server: ${word}\nAddress: ${address}#${this.#port}\n`).join('')
  }

  /** False: nobody knows the server. */
  *use(word: string): Task<boolean> {
    const addresses = yield* serverAddresses(this.#process, word)
    if (addresses.length === 0) {
      yield* this.#process.printError(`nslookup: couldn't get address for '${word}': not found\n`)
      return false
    }
    this.servers = addresses.map((address) => ({ word, address }))
    return true
  }

  /** False: no message can carry the name, and the program ends. */
  *look(name: string): Task<boolean> {
    const fault = nameFault(name)
    if (fault !== undefined) {
      yield* this.#process.printError(`nslookup: '${name}' is not in legal name syntax (${fault})\n`)
      return false
    }
    const reverse = reverseName(name)
    const kept = this.#type?.toUpperCase()
    // bind asks for IPv6 addresses under the name that answered, where no type was set
    const types = reverse !== undefined ? [kept === undefined || kept === 'A' || kept === 'AAAA' ? 'PTR' : kept] : kept === undefined ? ['A', 'AAAA'] : [kept]
    const names = reverse !== undefined ? [reverse] : this.#search.on ? bindNames(name, { search: this.#search.list, ndots: this.#search.ndots }) : [name]
    let found = 0
    const first = yield* this.#ask(names, types[0]!, name, { header: reverse === undefined || kept !== undefined, quiet: types.length > 1 })
    if (first === undefined) return true
    found += first.message.answers.length
    if (types.length < 2 || first.message.rcode !== 'NOERROR') return true
    const alias = first.message.answers.findLast((r) => r.data.type === 'CNAME')
    const second = yield* this.#ask([alias?.data.type === 'CNAME' ? alias.data.target : first.sent.questions[0]!.name], 'AAAA', name, { header: false, quiet: true, tcp: first.tcp })
    if (second === undefined) return true
    found += second.message.answers.length
    if (found === 0) yield* this.#say(`*** Can't find ${bareName(name)}: No answer\n`)
    return true
  }

  *#ask(names: readonly string[], type: string, original: string, { header, quiet, tcp = false }: { header: boolean; quiet: boolean; tcp?: boolean }): Task<BindAnswer | undefined> {
    for (const [i, name] of names.entries()) {
      const transfer = type === 'AXFR'
      const result = yield* askServers(this.#process, {
        name, text: original, type, servers: this.servers.map((s) => s.address), port: this.#port, tcp: this.#tcp || tcp || type === 'ANY' || transfer, timeout: (this.#timeout || 5) * 1000, tries: this.#tries, recursion: this.#recurse, edns: false,
        servfailStops: this.#fail, message: { questions: [{ name: name.endsWith('.') ? name : `${name}.`, type, class: this.#class.toUpperCase() }] },
      }, {
        truncated: () => this.#say(';; Truncated, retrying in TCP mode.\n'),
        failed: (server, next) => this.#say(`;; Got SERVFAIL reply from ${server}${next ? ', trying next server' : ''}\n`),
      })
      if ('failure' in result) {
        if (!result.silent) yield* this.#say(';; no servers could be reached\n')
        this.#failed = true
        return undefined
      }
      this.#answered = true
      const { message } = result
      const last = i + 1 === names.length
      if (message.rcode === 'NXDOMAIN' && !last && !this.#debug) continue
      const { word } = this.servers.find((s) => s.address === result.server)!
      if (header) yield* this.#say(`Server:\t\t${word}\nAddress:\t${result.server}#${this.#port}\n\n`)
      if (this.#debug) yield* this.#say(debugText(message))
      if (message.rcode !== 'NOERROR') {
        yield* this.#say(`** server can't find ${bareName(message.rcode === 'NXDOMAIN' && !this.#debug && names.length > 1 ? original : name)}: ${message.rcode}\n${transfer ? '; Transfer failed.\n' : ''}`)
        this.#failed = true
        if (message.rcode === 'NXDOMAIN' && !last) continue
        return result
      }
      if (header && !message.authoritative) yield* this.#say('Non-authoritative answer:\n')
      if (message.answers.length === 0 && !quiet) yield* this.#say(`*** Can't find ${bareName(original)}: No answer\n`)
      yield* this.#say(message.answers.filter((r) => header || r.data.type !== 'CNAME').map(recordText).join(''))
      if (!message.authoritative && type !== 'A' && type !== 'AAAA') yield* this.#say(`\nAuthoritative answers can be found from:\n${[...message.authorities, ...message.additionals].map(shortText).join('')}`)
      return result
    }
    return undefined
  }
}

export function* nslookup(process: Process): Task<number> {
  const session = new Nslookup(process)
  const words: string[] = []
  for (const arg of process.argv.slice(1)) {
    if (/^-ver/.test(arg)) {
      yield* process.printError('nslookup 9.18.49-1~deb12u3-Debian\n')
      return 0
    }
    if (/^-./.test(arg) && words.length === 0) yield* session.set(arg.slice(1))
    else words.push(arg)
  }
  const [name, server] = words
  if (words.length > 2 || (words.length === 2 && server!.startsWith('-'))) {
    yield* process.printError(USAGE)
    return 1
  }
  if (server !== undefined && !(yield* session.use(server))) return 1
  if (!(yield* (name !== undefined && name !== '-' ? session.look(name) : interactive(process, session)))) return 1
  yield* process.print('\n')
  return session.code
}

/** False: it ends at once, over a server that nobody knows or a name that is none. */
function* interactive(process: Process, session: Nslookup): Task<boolean> {
  const prompt = process.terminalOf(0) ? '> ' : ''
  for (;;) {
    yield* process.print(prompt)
    const line = yield* process.readLine(0)
    if (line === null) return true
    // of further words it takes no notice
    const [command, argument] = line.trim().split(/\s+/) as [string, string?]
    if (command === '') continue
    switch (command.toLowerCase()) {
      case 'exit': return true
      case 'set':
        if (argument === undefined) break
        yield* session.set(argument)
        continue
      case 'server': case 'lserver':
        if (argument !== undefined && !(yield* session.use(argument))) return false
        yield* process.print(session.serversText())
        continue
      case 'help': case '?':
        yield* process.print(`The '${command}' command is not yet implemented.\n`)
        continue
      case 'finger': case 'ls': case 'root': case 'view':
        yield* process.print(`The '${command}' command is not implemented.\n`)
        continue
    }
    if (!(yield* session.look(command))) return false
  }
}
