import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import type { Datapath, MonitorEvent } from '../datapath.ts'
import { CommandError, notSimulated } from '../../command-error.ts'

const KINDS: ReadonlyMap<string, MonitorEvent['kind']> = new Map([['drop', 'drop'], ['trace', 'trace'], ['policy-verdict', 'verdict'], ['l7', 'l7']])
/** pkg/monitor/api: what there is besides. */
const TYPES = ['agent', 'capture', 'debug', 'drop', 'l7', 'policy-verdict', 'recorder', 'trace', 'trace-sock']
const SHORT: Readonly<Record<string, string>> = { '-t': '--type', '-v': '--verbose', '-n': '--numeric' }

/** Flags may be given again: any of the kinds, any of the endpoints. Throws CommandError. */
function readMonitorFlags(args: readonly string[]): { kinds: ReadonlySet<MonitorEvent['kind']>; endpoints: ReadonlySet<number> } {
  const kinds = new Set<MonitorEvent['kind']>()
  const endpoints = new Set<number>()
  for (const queue = [...args]; queue.length > 0;) {
    const [given = '', inline] = queue.shift()!.split('=', 2)
    const flag = SHORT[given] ?? given
    if (flag === '--verbose' || /^-v+$/.test(given)) continue
    if (!['--type', '--from', '--to', '--related-to'].includes(flag)) throw notSimulated(`cilium-dbg monitor ${given}`, 'use it without')
    const value = inline ?? queue.shift()
    if (value === undefined) throw new CommandError(`Error: flag needs an argument: ${given.startsWith('--') ? given : `'${given[1]!}' in ${given}`}`)
    const invalid = (why: string): CommandError => new CommandError(`Error: invalid argument ${JSON.stringify(value)} for "${flag === '--type' ? '-t, --type' : flag}" flag: ${why}`)
    if (flag !== '--type') {
      if (!/^\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
      endpoints.add(Number(value))
    } else if (!TYPES.includes(value)) throw invalid(`Unknown type (${value}). Please use one of the following ones [${TYPES.join(' ')}]`)
    else if (!KINDS.has(value)) throw notSimulated(`cilium-dbg monitor --type ${value}`, 'use drop, trace, policy-verdict or l7')
    else kinds.add(KINDS.get(value)!)
  }
  return { kinds, endpoints }
}

/** `cilium-dbg monitor`: what the programs report, until a signal ends it. */
export function* monitor(process: Process, datapath: Datapath, args: readonly string[]): Task<number> {
  let wanted: ReturnType<typeof readMonitorFlags>
  try {
    wanted = readMonitorFlags(args)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    yield* process.printError(`${error.message}\n`)
    return error.code
  }
  const more = new Signal()
  let lines: string[] = []
  const stop = datapath.onMonitor((event) => {
    if (wanted.kinds.size > 0 && !wanted.kinds.has(event.kind)) return
    if (wanted.endpoints.size > 0 && !wanted.endpoints.has(event.endpoint)) return
    lines.push(`${event.text}\n`)
    more.notify()
  })
  process.onExit(stop)
  yield* process.printError('Listening for events on 2 CPUs with 64x4096 of shared memory\nPress Ctrl-C to quit\n')
  for (;;) {
    while (lines.length === 0) yield more.wait
    const text = lines.join('')
    lines = []
    yield* process.print(text)
  }
}
