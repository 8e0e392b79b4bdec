import type { Task } from '../../machine/task.ts'
import { canonicalIp } from '../../network/address.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'

/** A file of weights that cannot be. */
export class WeightError extends Error {}

type Weights = ReadonlyMap<string, ReadonlyMap<string, number>>

/** `loadbalance weighted`: the first address of an answer is drawn by weights that a file gives (plugin/loadbalance/weighted.go). */
export class WeightedPlugin implements DnsPlugin {
  readonly name = 'loadbalance'
  readonly #context: PluginContext
  readonly #file: string
  #text: string | undefined
  #weights: Weights = new Map()
  #timer: ReturnType<PluginContext['process']['clock']['schedule']> | undefined

  /** `reload` in ms; 0: never. Throws WeightError. */
  constructor(context: PluginContext, file: string, reload: number) {
    this.#context = context
    this.#file = file
    if (!context.process.fs.exists(file)) {
      if (reload === 0) throw new WeightError('failed to open weight file')
      context.log(`[WARNING] plugin/loadbalance: Failed to open weight file:failed to open weight file. Will try again in ${goDuration(reload)}`)
    } else this.#read()
    if (reload > 0) this.#wait(reload)
  }

  stop(): void {
    if (this.#timer) this.#context.process.clock.cancel(this.#timer)
  }

  #wait(reload: number): void {
    this.#timer = this.#context.process.clock.schedule(reload, () => {
      try {
        this.#read()
      } catch (error) {
        if (!(error instanceof WeightError)) throw error
        this.#context.log(`[ERROR] plugin/loadbalance: ${error.message}`)
      }
      this.#wait(reload)
    }, { background: true })
  }

  #read(): void {
    const { fs } = this.#context.process
    if (!fs.exists(this.#file)) throw new WeightError('failed to open weight file')
    const text = fs.readText(this.#file)
    if (text === this.#text) return
    this.#text = text
    this.#weights = parseWeights(text, this.#file)
    this.#context.log(`[INFO] plugin/loadbalance: Successfully reloaded weight file ${this.#file}`)
  }

  *serve({ type }: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const reply = yield* next()
    if (!reply || reply.rcode !== 'NOERROR' || !['A', 'AAAA', 'SRV'].includes(type)) return reply
    return { ...reply, answers: this.#ordered(reply.answers), additionals: this.#ordered(reply.additionals) }
  }

  #ordered(records: readonly DnsRecord[]): DnsRecord[] {
    const is = (...types: string[]) => (r: DnsRecord): boolean => types.includes(r.data.type)
    const addresses = records.filter(is('A', 'AAAA'))
    if (addresses.length === 0) return [...records]
    const weighed = addresses.map((record, index) => ({ index, weight: ('address' in record.data ? this.#weights.get(record.name)?.get(record.data.address) : undefined) ?? 1 })).sort((a, b) => b.weight - a.weight)
    let draw = this.#context.process.clock.random.below(weighed.reduce((sum, { weight }) => sum + weight, 0))
    const top = weighed.find(({ weight }) => (draw -= weight) < 0)!.index
    ;[addresses[0], addresses[top]] = [addresses[top]!, addresses[0]!]
    return [...records.filter(is('CNAME')), ...records.filter((r) => !is('CNAME', 'A', 'AAAA', 'MX')(r)), ...addresses, ...records.filter(is('MX'))]
  }
}

/** Lines of "name" and, below it, of "address weight"; "#" begins a comment. */
export function parseWeights(text: string, file: string): Weights {
  const out = new Map<string, Map<string, number>>()
  let name = ''
  for (const line of text.split('\n').map((l) => l.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [first = '', second, ...more] = line.split(/\s+/)
    if (second === undefined) {
      if (canonicalIp(first) !== undefined) throw new WeightError(`Wrong domain name:"${first}" in weight file ${file}. (Maybe a missing weight value?)`)
      name = first.endsWith('.') ? first : `${first}.`
      if (!out.has(name)) out.set(name, new Map())
      continue
    }
    if (more.length > 0) throw new WeightError(`Could not parse weight line:"${line}" in weight file ${file}`)
    const address = canonicalIp(first)
    if (address === undefined) throw new WeightError(`Wrong IP address:"${first}" in weight file ${file}`)
    const weight = Number(second)
    if (!/^\d+$/.test(second) || weight < 1 || weight > 255) throw new WeightError(`Wrong weight value:"${second}" in weight file ${file}`)
    const list = out.get(name)
    if (!list) throw new WeightError(`Missing domain name in weight file ${file}`)
    list.set(address, weight)
  }
  return out
}
