import { anyOf, Signal, SystemError, type Process, type Task } from '../../../engine/cluster.ts'
import { getopt } from '../getopt.ts'
import { addressOf, nameOfAddress } from '../names.ts'
import { pause } from '../stream.ts'
import { Prober, type Probe } from './prober.ts'
import { TRACEPATH_USAGE } from './usage.ts'

/** After this many ms without an answer the next of three tries. */
const TRY_MS = 1000
const TRIES = 3

/** tracepath(8), iputils 20221126: whole packets that must not be cut, so that the path's MTU shows. */
export function* tracepath(process: Process): Task<number> {
  const parsed = getopt(process.argv.slice(1), '46bhnl:m:p:V')
  const fail = function* (text: string, code: number): Task<number> {
    yield* process.printError(text)
    return code
  }
  if ('invalid' in parsed) return yield* fail(`tracepath: invalid option -- '${parsed.invalid[0]}'\n${TRACEPATH_USAGE}`, 255)
  if ('missing' in parsed) return yield* fail(`tracepath: option requires an argument -- '${parsed.missing}'\n${TRACEPATH_USAGE}`, 255)
  const value = (o: string): string | undefined => parsed.options.findLast((p) => p.name === o)?.value
  if (value('V') !== undefined) {
    yield* process.print('tracepath from iputils 20221126\nlibcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n')
    return 0
  }
  if (parsed.operands.length !== 1 || value('h') !== undefined) return yield* fail(TRACEPATH_USAGE, 255)
  const [host, portInName] = (parsed.operands[0]!.includes(':') && parsed.operands[0]!.includes('.') ? [parsed.operands[0]!] : parsed.operands[0]!.split('/')) as [string, string?]
  const found = yield* addressOf(process, host, value('6') !== undefined ? 6 : value('4') !== undefined ? 4 : undefined)
  if ('error' in found) return yield* fail(`tracepath: ${host}: ${found.message}\n`, 1)
  const numbers = { l: [1, 2_147_483_647], m: [0, 255], p: [0, 65_535] } as const
  for (const [name, [low, high]] of Object.entries(numbers)) {
    const text = value(name)
    if (text === undefined) continue
    if (!/^\d+$/.test(text)) return yield* fail(`tracepath: invalid argument: '${text}'\n`, 1)
    if (Number(text) < low || Number(text) > high) return yield* fail(`tracepath: invalid argument: '${text}': out of range: ${low} <= value <= ${high}\n`, 1)
  }
  const least = found.address.includes(':') ? 48 : 28
  if (value('l') !== undefined && Number(value('l')) <= least) return yield* fail(`tracepath: pktlen must be within: ${least} < value <= 2147483647\n`, 1)
  // more than a packet can have is not sent
  if (Number(value('l') ?? 0) > 65_535) {
    yield* process.print(` 1:  send failed\n     Resume: pmtu ${value('l')!} \n`)
    return 0
  }
  const number = (name: string, otherwise: number): number => Number(value(name) ?? otherwise)
  const path = new Path(process, found.address, { length: value('l') === undefined ? undefined : number('l', 0), port: number('p', portInName === undefined ? 44444 : Number(portInName)), most: number('m', 30), numeric: value('n') !== undefined, both: value('b') !== undefined })
  return yield* path.walk()
}

interface PathOptions { length: number | undefined; port: number; most: number; numeric: boolean; both: boolean }

class Path {
  readonly #process: Process
  readonly #address: string
  readonly #options: PathOptions
  readonly #prober: Prober
  readonly #signal = new Signal()
  readonly #names = new Map<string, string | undefined>()
  #mtu: number
  #again = false
  #hopsTo = -1
  #hopsFrom = -1

  constructor(process: Process, address: string, options: PathOptions) {
    this.#process = process
    this.#address = address
    this.#options = options
    this.#mtu = options.length ?? (address.includes(':') ? 128_000 : 65_535)
    this.#prober = new Prober(process, address, { method: 'udp', port: options.port, length: this.#mtu, dontFragment: true })
    this.#prober.onReply = () => this.#signal.notify()
  }

  *walk(): Task<number> {
    try {
      for (let ttl = 1; ttl <= this.#options.most; ttl++) {
        let answered = false
        for (let attempt = 0; attempt < TRIES; attempt++) {
          const outcome = yield* this.#hop(ttl)
          if (outcome === 'refused') return 1
          if (outcome === 'smaller') attempt = -1
          // the kernel's word on the MTU is followed by one probe more
          if (this.#again && (outcome === 'next' || outcome === 'end')) {
            this.#again = false
            attempt = -1
            continue
          }
          if (outcome === 'end') return yield* this.#resume()
          answered = outcome === 'next'
          if (answered) break
        }
        if (!answered) yield* this.#process.print(`${String(ttl).padStart(2)}:  no reply\n`)
      }
      yield* this.#process.print(`     Too many hops: pmtu ${this.#mtu}\n`)
      return yield* this.#resume()
    } finally {
      this.#prober.close()
    }
  }

  *#resume(): Task<number> {
    const hops = this.#hopsTo >= 0 ? `hops ${this.#hopsTo} ` : ''
    const back = this.#hopsFrom >= 0 ? `back ${this.#hopsFrom} ` : ''
    yield* this.#process.print(`     Resume: pmtu ${this.#mtu} ${hops}${back}\n`)
    return 0
  }

  /** One packet with this TTL and what comes back of it. */
  *#hop(ttl: number): Task<'next' | 'silence' | 'smaller' | 'end' | 'refused'> {
    const { clock, network } = this.#process
    this.#prober.length = this.#mtu
    let probe: Probe
    try {
      probe = this.#prober.send(ttl)
    } catch (error) {
      if (!(error instanceof SystemError)) throw error
      if (error.code === 'EMSGSIZE') {
        const known = network.pathMtu?.(this.#address) ?? 1500
        yield* this.#process.print(`${`${String(ttl).padStart(2)}?: [LOCALHOST]`.padEnd(32 + 5)} pmtu ${known}\n`)
        this.#mtu = known
        this.#again = true
        return 'smaller'
      }
      yield* this.#process.print(`${String(ttl).padStart(2)}:  send failed\n     Resume: pmtu ${this.#mtu} \n`)
      return 'refused'
    }
    const end = clock.now + TRY_MS
    while (!probe.reply && clock.now < end) yield anyOf(this.#signal.wait, pause(this.#process, end - clock.now))
    const { reply } = probe
    if (!reply) return 'silence'
    const name = this.#options.numeric ? undefined : yield* nameOfAddress(this.#process, reply.source, this.#names)
    const who = this.#options.numeric ? (this.#options.both ? `${reply.source} (???)` : reply.source) : this.#options.both ? `${name ?? '???'} (${reply.source})` : (name ?? '???')
    const head = `${String(ttl).padStart(2)}:  ${who.padEnd(52)}${(reply.at - probe.sentAt).toFixed(3).padStart(7)}ms`
    const { error } = reply
    const v6 = this.#address.includes(':')
    if (error && (v6 ? error.type === 2 : error.type === 3 && error.code === 4)) {
      this.#mtu = error.mtu ?? 1500
      yield* this.#process.print(`${head} pmtu ${this.#mtu}\n`)
      return 'smaller'
    }
    if (reply.reached) {
      this.#hopsTo = ttl
      this.#hopsFrom = reply.ttl <= 64 ? 65 - reply.ttl : reply.ttl <= 128 ? 129 - reply.ttl : 256 - reply.ttl
      yield* this.#process.print(`${head} reached\n`)
      return 'end'
    }
    if (error) {
      const marks: Record<string, string> = v6 ? { '1/0': '!N', '1/1': '!A', '1/3': '!H' } : { '3/0': '!N', '3/1': '!H', '3/2': '!P', '3/13': '!A', '3/10': '!A', '3/9': '!A' }
      yield* this.#process.print(`${head} ${marks[`${error.type}/${error.code}`] ?? `!<${error.code}>`}\n`)
      return 'end'
    }
    const initial = reply.ttl <= 64 ? 65 - reply.ttl : reply.ttl <= 128 ? 129 - reply.ttl : 256 - reply.ttl
    yield* this.#process.print(`${head} ${initial !== ttl ? `asymm ${String(initial).padStart(2)} ` : ''}\n`)
    return 'next'
  }
}
