import { parse, parseAllDocuments } from 'yaml'
import type { SimulatedCluster } from '../../assembly/simulated-cluster.ts'
import { createCluster, parseClusterConfig, type Process, type Task } from '../../cluster.ts'
import { StatusError } from '../client.ts'
import { isObject } from '../json.ts'
import type { Event, KubeObject, Pod, ReplicaSet, Table } from '../types.ts'

/**
 * Runs a story of controllers on a whole cluster in virtual time and tells what it saw. A script has a line an action:
 *
 *   +30s                              that much later (ms, s, m, h)
 *   settle                            until nothing is left to do
 *   show RESOURCE [-o wide] [-n NS]   as `kubectl get`
 *   watch RESOURCE                    from here on each change of a row is told
 *   events KIND/NAME | events         the events about an object, or all of the namespace: "type reason source: message (xN)"
 *   yaml RESOURCE/NAME PATH…          parts of an object, "status.conditions"
 *   patch RESOURCE/NAME [-n NS] YAML  a strategic merge patch
 *   create YAML | delete RESOURCE/NAME [Foreground|Orphan] [GRACE] | scale RESOURCE/NAME N
 *   fault NAME [ARGUMENTS] | clear NAME       as `hop fault`
 *
 * Names that are made by chance are told by who made them: "web-rs1-pod2" is the second Pod of web's first ReplicaSet.
 */
export function runScenario(input: string, script: string): string {
  const config = /^# cluster: (.*)$/m.exec(script)?.[1]
  return new Scenario(config ? parse(config) : {}).run(input, script)
}

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Containers of these stories: "exit 1", "work 5 0" (seconds, code), "serve", "stubborn" (deaf to SIGTERM). */
function* box(process: Process): Task<number> {
  const [, word, first, second] = process.argv
  if (word === 'exit') return Number(first)
  if (word === 'work') {
    yield* process.sleep(Number(first) * 1000)
    return Number(second ?? 0)
  }
  // "by-index 0=1 2=1": fails for these indexes
  if (word === 'by-index') return Number(process.argv.slice(2).find((w) => w.startsWith(`${process.env.get('JOB_COMPLETION_INDEX')}=`))?.split('=')[1] ?? 0)
  if (word !== 'stubborn') process.onSignal('SIGTERM', () => process.exit(0))
  for (;;) yield* process.sleep(60_000)
}

class Scenario {
  readonly #cluster: SimulatedCluster
  readonly #names = new Map<string, string>()
  readonly #counts = new Map<string, number>()
  #start = 0
  #out = ''

  constructor(config: object) {
    this.#cluster = createCluster(parseClusterConfig(config)) as SimulatedCluster
    this.#cluster.programs.register('busybox', box)
    this.#cluster.settle()
    for (const resource of ['replicasets', 'controllerrevisions', 'pods']) {
      this.#cluster.client.watch(resource, {}, (event) => {
        if (event.type === 'ADDED') this.#learn(event.object)
      })
    }
    // Moments are told in whole seconds: begin at one.
    this.#cluster.clock.runUntil(Math.ceil((this.#cluster.clock.now + 1) / 1000) * 1000)
    this.#start = this.#cluster.clock.now
  }

  run(input: string, script: string): string {
    for (const document of parseAllDocuments(input)) this.#create(document.toJS() as KubeObject)
    for (const line of script.split('\n')) if (line.trim() !== '' && !line.startsWith('#')) this.#act(line.trim())
    return this.#out
  }

  #tell(text: string): void {
    this.#out += text.endsWith('\n') ? text : `${text}\n`
  }

  #act(line: string): void {
    const { clock, client } = this.#cluster
    const later = /^\+([\d.]+)(ms|s|m|h)$/.exec(line)
    if (later) return clock.runFor(Number(later[1]) * UNITS[later[2]!]!)
    const [verb, ...words] = line.split(' ')
    const rest = words.join(' ')
    if (verb === 'settle') return void this.#cluster.settle()
    const seconds = (clock.now - this.#start) / 1000
    this.#tell(`\n[${Number(seconds.toFixed(1))}s] ${line}`)
    try {
      switch (verb) {
        case 'show': return this.#show(words)
        case 'watch': return this.#watch(words[0]!)
        case 'events': return this.#events(rest)
        case 'yaml': return this.#yaml(words)
        case 'create': return this.#create(parse(rest) as KubeObject)
        case 'patch': {
          const elsewhere = words[1] === '-n'
          return this.#patch(words[0]!, parse(words.slice(elsewhere ? 3 : 1).join(' ')) as object, elsewhere ? words[2] : undefined)
        }
        case 'scale': return this.#patch(words[0]!, { spec: { replicas: Number(words[1]) } })
        case 'fault': return void this.#cluster.faults.apply(words)
        case 'clear': return void this.#cluster.faults.clear(words)
        case 'delete': {
          const [policy, grace] = [words.find((w) => /^[A-Z]/.test(w)), words.slice(1).find((w) => /^\d+$/.test(w))]
          const [resource, name] = this.#target(words[0]!)
          client.delete(resource, this.#namespaceOf(resource), name, {
            propagationPolicy: (policy ?? 'Background') as 'Background', ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
          })
          return
        }
        default: throw new Error(`unknown action: ${line}`)
      }
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      this.#tell(this.#plain(`Error (${error.status.reason}): ${error.message}`))
    }
  }

  #namespaceOf(resource: string): string | undefined {
    return this.#cluster.client.findResource(resource)?.namespaced === false ? undefined : 'default'
  }

  /** "pods/web-rs1-pod1": a told name means the real one. */
  #target(word: string): [string, string] {
    const [type, told] = word.split('/') as [string, string]
    const name = [...this.#names].find(([, t]) => t === told)?.[0] ?? told
    return [this.#cluster.client.findResource(type)!.name, name]
  }

  #create(object: KubeObject): void {
    const resource = this.#cluster.client.findResource(object.kind)!
    this.#cluster.client.create(resource.name, resource.namespaced ? (object.metadata.namespace ?? 'default') : undefined, object)
  }

  #patch(word: string, patch: object, namespace?: string): void {
    const [resource, name] = this.#target(word)
    this.#cluster.client.patch(resource, namespace ?? this.#namespaceOf(resource), name, 'application/strategic-merge-patch+json', patch)
  }

  // ---- telling -----------------------------------------------------------------------------------------------

  #show(words: readonly string[]): void {
    const wide = words.includes('wide')
    const namespace = words.includes('-n') ? words[words.indexOf('-n') + 1] : 'default'
    const { name } = this.#cluster.client.findResource(words[0]!)!
    this.#tell(this.#rows(this.#cluster.client.table(name, namespace === undefined ? {} : { namespace }), wide))
  }

  #rows(table: Table, wide: boolean): string {
    const columns = table.columnDefinitions.map((c, i) => ({ ...c, i })).filter((c) => wide || c.priority === 0)
    const rows = table.rows.map(({ cells }) => columns.map((c) => this.#plain(String(cells[c.i]))))
    if (rows.length === 0) return 'No resources found'
    rows.sort((a, b) => a[0]!.localeCompare(b[0]!, 'en', { numeric: true }))
    const all = [columns.map((c) => c.name.toUpperCase()), ...rows]
    const widths = columns.map((_, i) => Math.max(...all.map((r) => r[i]!.length)))
    return all.map((r) => r.map((cell, i) => cell.padEnd(widths[i]!)).join('   ').trimEnd()).join('\n')
  }

  #watch(word: string): void {
    const { client, clock } = this.#cluster
    const { name } = client.findResource(word)!
    const last = new Map<string, string>()
    client.watch(name, { namespace: 'default' }, (event) => {
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') return
      const table = client.tableOf(name, [event.object])
      const cells = table.columnDefinitions.flatMap((c, i) => (c.priority === 0 && c.name !== 'Age' ? [this.#plain(String(table.rows[0]!.cells[i]))] : []))
      const row = event.type === 'DELETED' ? `${cells[0]} gone` : cells.join('  ')
      if (last.get(event.object.metadata.uid) === row) return
      last.set(event.object.metadata.uid, row)
      this.#tell(`  ${Number(((clock.now - this.#start) / 1000).toFixed(1))}s: ${row}`)
    })
  }

  #events(about: string): void {
    const [kind, told] = about.split('/')
    const name = told === undefined ? undefined : ([...this.#names].find(([, t]) => t === told)?.[0] ?? told)
    const time = (e: Event): number => Date.parse(e.lastTimestamp ?? (e as { eventTime?: string }).eventTime ?? '')
    const found = this.#cluster.client.list<Event>('events', { namespace: kind === 'node' ? undefined : 'default' } as { namespace: string }).items
      .filter((e) => about === '' || (e.involvedObject.kind?.toLowerCase() === kind!.toLowerCase() && (name === undefined || e.involvedObject.name === name)))
      .map((e, i) => ({ e, i }))
      .sort((a, b) => time(a.e) - time(b.e) || a.i - b.i)
    const lines = found.map(({ e }) => {
      const count = e.series?.count ?? e.count ?? 1
      return this.#plain(`${e.type} ${e.reason} ${e.source?.component || e.reportingComponent}: ${e.message}${count > 1 ? ` (x${count})` : ''}`)
    })
    this.#tell(lines.length > 0 ? lines.join('\n') : 'No events')
  }

  #yaml(words: readonly string[]): void {
    const [resource, name] = this.#target(words[0]!)
    const object = this.#cluster.client.get(resource, this.#namespaceOf(resource), name)
    for (const path of words.slice(1)) {
      let value: unknown = object
      for (const key of path.split('.')) value = isObject(value) ? value[key.replaceAll('~', '.')] : undefined
      const list = Array.isArray(value) ? value : [value]
      for (const item of list) this.#tell(this.#plain(`${path}: ${JSON.stringify(item)}`.replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, (t) => this.#moment(t))))
    }
  }

  #moment(text: string): string {
    return `${Math.round((Date.parse(JSON.parse(text) as string) - this.#cluster.clock.epoch - this.#start) / 1000)}s`
  }

  // ---- names -------------------------------------------------------------------------------------------------

  #learn(object: KubeObject): void {
    const { name, generateName, ownerReferences } = object.metadata
    const owner = ownerReferences?.find((o) => o.controller)
    if (!owner || this.#names.has(name)) return
    const base = this.#names.get(owner.name) ?? owner.name
    const number = (what: string): string => {
      const key = `${base}/${what}`
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
      return `${base}-${what}${this.#counts.get(key)}`
    }
    if (object.kind === 'ReplicaSet' && owner.kind === 'Deployment') this.#names.set(name, number('rs'))
    else if (object.kind === 'ControllerRevision') this.#names.set(name, number('rev'))
    else if (object.kind === 'Pod' && generateName && !(object as Pod).metadata.labels?.['statefulset.kubernetes.io/pod-name']) {
      const index = (object as Pod).metadata.annotations?.['batch.kubernetes.io/job-completion-index']
      this.#names.set(name, number(index === undefined ? 'pod' : `${index}-pod`))
    }
    if (object.kind === 'ReplicaSet') this.#hash((object as ReplicaSet).metadata.labels?.['pod-template-hash'], `${base}-hash`)
    if (object.kind === 'ControllerRevision') this.#hash(name.slice(owner.name.length + 1), `${base}-hash`)
  }

  #hash(hash: string | undefined, told: string): void {
    if (hash === undefined || this.#names.has(hash)) return
    this.#counts.set(told, (this.#counts.get(told) ?? 0) + 1)
    this.#names.set(hash, `${told}${this.#counts.get(told)}`)
  }

  #plain(text: string): string {
    let out = text
    for (const [name, told] of [...this.#names].sort((a, b) => b[0].length - a[0].length)) out = out.replaceAll(name, told)
    return out
      .replace(/10\.244\.\d+\.\d+/g, 'POD-IP')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, 'UID')
      .replace(/kube-api-access-\w{5}/g, 'kube-api-access-SUFFIX')
  }
}
