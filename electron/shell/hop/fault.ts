import { FaultError, type ActiveFault, type Cluster, type FaultInfo, type Process, type Task } from '../../engine/cluster.ts'
import { wrapped } from './wrap.ts'

const USAGE = `hop fault: break and mend

  hop fault list [-o json|text]              what can be broken, and what is
  hop fault apply FAULT [ARGUMENT …]         breaks it; hop fault apply FAULT --help says what happens then
  hop fault clear FAULT/ARGUMENT… | --all    mends it

  A fault holds until it is cleared, or until what it broke is mended by hand.
`

/** `hop fault` (design 5.4). */
export function* hopFault(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const [verb, ...rest] = args
  try {
    switch (verb) {
      case 'list': return yield* list(cluster, self, rest)
      case 'apply': return yield* apply(cluster, self, rest)
      case 'clear': return yield* clear(cluster, self, rest)
      case 'help':
      case '--help':
      case '-h':
        yield* self.print(USAGE)
        return 0
      default:
        yield* self.printError(verb === undefined ? USAGE : `hop fault: unknown command "${verb}"; allowed: list, apply, clear\n`)
        return 2
    }
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    yield* self.printError(`hop fault: ${error.message}\n`)
    return 1
  }
}

function* list(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const format = /^-o(json|text)$/.exec(args.join('').replace(/^--output=?/, '-o'))?.[1] ?? (args.length === 0 ? 'text' : undefined)
  if (format === undefined) {
    yield* self.printError('usage: hop fault list [-o json|text]\n')
    return 2
  }
  const { available, active } = cluster.faults
  yield* self.print(format === 'json' ? listJson(available, active) : wrapped(listText(available, active, cluster.clock.now), self.terminalOf(1)?.columns))
  return 0
}

function* apply(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  const info = args.some((a) => a === '--help' || a === '-h') ? cluster.faults.available.find((f) => f.name === args[0]) : undefined
  if (info) {
    yield* self.print(wrapped(page(info), self.terminalOf(1)?.columns))
    return 0
  }
  const fault = cluster.faults.apply(args)
  yield* self.print(`${fault.id}: ${fault.text}\n`)
  return 0
}

function* clear(cluster: Cluster, self: Process, args: readonly string[]): Task<number> {
  if (args.length === 0) {
    yield* self.printError('usage: hop fault clear FAULT/ARGUMENT… | --all\n')
    return 2
  }
  const cleared = args.length === 1 && args[0] === '--all' ? cluster.faults.clearAll() : [cluster.faults.clear(args)]
  yield* self.print(cleared.length === 0 ? 'no fault is active\n' : cleared.map((f) => `${f.id} cleared\n`).join(''))
  return 0
}

function page({ usage, summary, options, help }: FaultInfo): string {
  const lines = [`${usage}: ${summary}`, '', ...help]
  if (options.length > 0) lines.push('', ...options.map((o) => `  --${o.name} ${o.value}   ${o.about} (default ${o.preset})`))
  return `${lines.join('\n')}\n`
}

function listJson(available: readonly FaultInfo[], active: readonly ActiveFault[]): string {
  const all = {
    available: available.map(({ name, usage, summary }) => ({ name, usage, summary })),
    active: active.map(({ id, name, text, since, nodes, wire }) => ({ id, name, text, since, nodes, ...(wire ? { wire } : {}) })),
  }
  return `${JSON.stringify(all, null, 2)}\n`
}

function listText(available: readonly FaultInfo[], active: readonly ActiveFault[], now: number): string {
  const kinds = table([['FAULT', 'EFFECT'], ...available.map((f): [string, string] => [f.usage, f.summary])])
  const rows = active.map((f): string[] => [f.id, ago(now - f.since), f.text])
  return `${kinds}\n${active.length === 0 ? 'No fault is active.\n' : table([['ACTIVE', 'SINCE', 'WHAT IS BROKEN'], ...rows])}`
}

/** Columns as kubectl aligns them, three blanks apart. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((r) => r[i]!.length)))
  return rows.map((r) => `${r.map((cell, i) => (i === r.length - 1 ? cell : cell.padEnd(widths[i]! + 3))).join('')}\n`).join('')
}

function ago(ms: number): string {
  const s = Math.floor(ms / 1000)
  return s < 120 ? `${s}s` : s < 7200 ? `${Math.floor(s / 60)}m` : `${Math.floor(s / 3600)}h`
}
