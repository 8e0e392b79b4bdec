import type { Cluster, ContainerView, NodeView, Process, SandboxView, Task } from '../../../engine/cluster.ts'
import { sortedGoJson } from '../../kubectl/json.ts'
import { GoTemplate } from '../../kubectl/printers/go-template.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { toYaml } from '../../kubectl/yaml.ts'

export const ENDPOINT = 'unix:///run/containerd/containerd.sock'

/** What crictl says last: "FATA[0000] …". */
export class Fatal extends Error {
  readonly code: number
  constructor(message: string, code = 1) {
    super(message)
    this.code = code
  }
}

/** A flag that the command does not have, or that lacks its value: urfave/cli shows the help before it gives up. */
export class UsageError extends Fatal {
  readonly flag: string
  constructor(message: string, flag: string) {
    super(message)
    this.flag = flag
  }
}

/** Too few words: the command shows its help, and that is no error. */
export class HelpWanted extends Fatal {
  constructor() {
    super('')
  }
}

export class NotSimulated extends Error {}

/** The flags of a command (urfave/cli v2): they end at the first word that is none. */
export interface Flags {
  has(name: string): boolean
  value(name: string): string | undefined
  values(name: string): string[]
  args: string[]
}

/** `spec`: "all,a pod,p=": names of one flag, with "=" if it takes a value. Throws {@link Fatal}. */
export function parseFlags(words: readonly string[], spec: string): Flags {
  const names = new Map<string, { name: string; takes: boolean }>()
  for (const each of spec.split(' ').filter(Boolean)) {
    const takes = each.endsWith('=')
    const aliases = each.replace('=', '').split(',')
    for (const alias of aliases) names.set(alias, { name: aliases[0]!, takes })
  }
  const given: [string, string][] = []
  const rest = [...words]
  const take = (word: string, inline: string | undefined): boolean => {
    const flag = names.get(word)
    if (!flag) return false
    if (!flag.takes) given.push([flag.name, inline ?? 'true'])
    else {
      const value = inline ?? rest.shift()
      if (value === undefined) throw new UsageError(`flag needs an argument: -${word}`, '')
      given.push([flag.name, value])
    }
    return true
  }
  while (rest[0]?.startsWith('-') && rest[0] !== '-') {
    const word = rest.shift()!
    if (word === '--') break
    const [name, inline] = word.replace(/^--?/, '').split(/=(.*)/s) as [string, string?]
    if (take(name, inline)) continue
    // UseShortOptionHandling: -it
    const letters = [...name]
    if (!word.startsWith('--') && letters.length > 1 && letters.every((l, i) => names.has(l) && (!names.get(l)!.takes || i === letters.length - 1))) for (const l of letters) take(l, undefined)
    else throw new UsageError(`flag provided but not defined: ${word.split('=')[0]!.replace(/^--/, '-')}`, word.split('=')[0]!)
  }
  return {
    has: (name) => given.some(([n, v]) => n === name && v !== 'false'),
    value: (name) => given.findLast(([n]) => n === name)?.[1],
    values: (name) => given.filter(([n]) => n === name).map(([, v]) => v),
    args: rest,
  }
}

export type Log = (level: 'fatal' | 'error' | 'warning' | 'info', message: string) => string

/** A connection to the containerd of the machine that it runs on. */
export class Client {
  readonly process: Process
  readonly cluster: Cluster
  readonly view: NodeView
  readonly #log: Log

  constructor(cluster: Cluster, process: Process, view: NodeView, log: Log) {
    this.cluster = cluster
    this.process = process
    this.view = view
    this.#log = log
  }

  /** A line of logrus on stderr. */
  log(level: Parameters<Log>[0], message: string): Task<void> {
    return this.process.printError(this.#log(level, message))
  }

  get wall(): number {
    return this.process.clock.wall()
  }

  print(text: string): Task<void> {
    return this.process.print(text)
  }

  table(rows: readonly (readonly string[])[]): Task<void> {
    const writer = new TabWriter({ minWidth: 20, padding: 3 })
    for (const row of rows) writer.write(`${row.join('\t')}\n`)
    return this.print(writer.flush())
  }

  /** By the beginning of an id, as containerd's index of ids finds it; throws {@link RpcError}. */
  sandbox(id: string, call: string): SandboxView {
    const found = this.view.runtime.sandboxes().filter((s) => s.id.startsWith(id))
    if (found.length === 1 && id) return found[0]!
    throw new RpcError(call, 'NotFound', `an error occurred when try to find sandbox: not found`, `podSandboxID="${id}"`)
  }

  container(id: string, call: string): ContainerView {
    const found = this.view.runtime.containers().filter((c) => c.id.startsWith(id))
    if (found.length === 1 && id) return found[0]!
    throw new RpcError(call, 'NotFound', `an error occurred when try to find container "${id}": not found`, `containerID="${id}"`)
  }

  /** A status with what is beside it, in a format. */
  status(statuses: readonly { status: unknown; info: Record<string, unknown> }[], format: string, template: string | undefined): Task<void> {
    const all = statuses.map(({ status, info }) => ({ ...info, status }))
    const value = all.length === 1 ? all[0] : all
    switch (format) {
      case 'json': return this.print(`${sortedGoJson(value, '  ')}\n`)
      case 'yaml': return this.print(`${toYaml(value)}\n`)
      case 'go-template': {
        const { text, error } = new GoTemplate(template ?? '', { allowMissing: false }).execute(value)
        if (error !== undefined) throw new Fatal(`execute template: failed to template data: ${error.replace('template: output:', 'template: tmplExecuteRawJSON:').replace('executing "output"', 'executing "tmplExecuteRawJSON"')}`)
        return this.print(`${text}\n`)
      }
      default: throw new Fatal(`unsupported format: "${format}"`)
    }
  }
}

/** What gRPC brings back; crictl's client logs it besides. */
export class RpcError extends Error {
  readonly call: string
  readonly subject: string
  constructor(call: string, code: string, text: string, subject: string) {
    super(`rpc error: code = ${code} desc = ${text}`)
    this.call = call
    this.subject = subject
  }
}

/** github.com/docker/go-units HumanDuration, with " ago" after it. */
export function ago(ms: number): string {
  return `${humanDuration(ms)} ago`
}

function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  const minutes = Math.trunc(ms / 60_000)
  const hours = Math.trunc(ms / 3_600_000 + 0.5)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 14) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 60) return `${Math.trunc(hours / 168)} weeks`
  if (hours < 24 * 730) return `${Math.trunc(hours / 720)} months`
  return `${Math.trunc(Math.trunc(ms / 3_600_000) / 8760)} years`
}

/** go-units HumanSizeWithPrecision: "72.4MB", three digits. */
export function humanSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let size = bytes
  let i = 0
  while (size >= 1000 && i < units.length - 1) {
    size /= 1000
    i++
  }
  return `${Number(size.toPrecision(3))}${units[i]}`
}
