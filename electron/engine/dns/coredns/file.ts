import type { Task } from '../../machine/task.ts'
import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import type { DnsMessage, DnsRecord } from '../../network/wire/dns.ts'
import { isBelow } from '../names.ts'
import { replyTo } from '../server.ts'
import type { DnsPlugin, DnsRequest, Next, PluginContext } from './chain.ts'
import { lookUp, parseZone, ZoneError, ZoneUnknown, type Zone } from './zone-file.ts'

/** CoreDNS' file plugin: zones from master files, read again when their serial has changed (plugin/file). */
export interface FileOptions {
  file: string
  zones: readonly string[]
  /** ms; 0: never. */
  reload: number
  fallthrough: readonly string[] | undefined
}

export class FilePlugin implements DnsPlugin {
  readonly name = 'file'
  readonly #context: PluginContext
  readonly #zones = new Map<string, { options: FileOptions; zone: Zone | undefined }>()
  readonly #timers = new Map<FileOptions, ReturnType<PluginContext['process']['clock']['schedule']>>()
  #stopped = false

  /** Throws ZoneError and ZoneUnknown. */
  constructor(context: PluginContext, all: readonly FileOptions[]) {
    this.#context = context
    const { fs } = context.process
    for (const options of all) {
      const there = fs.exists(options.file)
      for (const zone of options.zones) this.#zones.set(zone, { options, zone: there ? parseZone(options.file, fs.readText(options.file), zone) : undefined })
      if (!there) {
        const error = `open ${options.file}: no such file or directory`
        if (options.reload === 0) throw new ZoneError(error)
        context.log(`[WARNING] plugin/file: Failed to open ${JSON.stringify(error)}: trying again in ${goDuration(options.reload)}`)
      }
      if (options.reload > 0) this.#wait(options)
    }
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) this.#context.process.clock.cancel(timer)
  }

  #wait(options: FileOptions): void {
    if (this.#stopped) return
    this.#timers.set(options, this.#context.process.clock.schedule(options.reload, () => {
      this.#read(options)
      this.#wait(options)
    }, { background: true }))
  }

  #read({ file, zones }: FileOptions): void {
    const { process, log } = this.#context
    if (!process.fs.exists(file)) return log(`[ERROR] plugin/file: Failed to open zone ${JSON.stringify(zones[0])} in ${JSON.stringify(file)}: open ${file}: no such file or directory`)
    const text = process.fs.readText(file)
    for (const origin of zones) {
      const known = this.#zones.get(origin)!
      try {
        const zone = parseZone(file, text, origin)
        const { serial } = zone.soa.data
        // nobody looks at a file whose serial is as it was
        if (known.zone?.soa.data.serial === serial) continue
        known.zone = zone
        log(`[INFO] plugin/file: Successfully reloaded zone ${JSON.stringify(origin)} in ${JSON.stringify(file)} with ${serial} SOA serial`)
      } catch (error) {
        if (!(error instanceof ZoneError) && !(error instanceof ZoneUnknown)) throw error
        log(`[ERROR] plugin/file: Parsing zone ${JSON.stringify(origin)}: ${error instanceof ZoneUnknown ? `podhop: not simulated: ${error.message}` : error.message}`)
      }
    }
  }

  transfer(zone: string): readonly DnsRecord[] | undefined {
    const known = this.#zones.get(zone.toLowerCase())?.zone
    if (!known) return undefined
    const { soa, records, origin } = known
    const apex = records.get(origin.toLowerCase()) ?? []
    const backwards = (name: string): string => name.split('.').reverse().join('.')
    const others = [...records].filter(([name]) => name !== origin.toLowerCase()).sort(([a], [b]) => (backwards(a) < backwards(b) ? -1 : 1)).flatMap(([, list]) => list)
    return [soa, ...apex.filter((r) => r.data.type === 'NS'), ...apex.filter((r) => r.data.type !== 'NS' && r.data.type !== 'SOA'), ...others, soa]
  }

  *serve(request: DnsRequest, next: Next): Task<DnsMessage | undefined> {
    const { query, name, type } = request
    const origin = [...this.#zones.keys()].filter((z) => isBelow(z, name)).sort((a, b) => b.length - a.length)[0]
    if (origin === undefined) return yield* next()
    const { zone, options } = this.#zones.get(origin)!
    if (!zone) return replyTo(query, { rcode: 'SERVFAIL' })
    const found = lookUp(zone, name, type)
    if (found.kind === 'no name' && options.fallthrough && (options.fallthrough.length === 0 || options.fallthrough.some((z) => isBelow(z, name)))) return yield* next()
    if (found.outside !== undefined) {
      const outside = yield* this.#context.lookup(found.outside, type, request.client)
      found.answers.push(...(outside?.answers ?? []))
    }
    const { answers, authorities, additionals } = found
    return replyTo(query, { authoritative: found.kind !== 'delegation', rcode: found.kind === 'no name' ? 'NXDOMAIN' : 'NOERROR', answers, authorities, additionals })
  }
}
