import { Signal, type Task } from '../../../machine/task.ts'
import type { Process } from '../../../machine/types.ts'
import type { Datapath, MonitorEvent } from '../datapath.ts'
import { CommandError, words } from './context.ts'

/** `cilium-dbg monitor`: what the programs report, until a signal ends it. */
export function* monitor(process: Process, datapath: Datapath, args: readonly string[]): Task<number> {
  let parsed
  try {
    parsed = words(args, ['-t=', '--type=', '--related-to=', '--from=', '--to=', '-v'], 'monitor')
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    yield* process.printError(`${error.message}\n`)
    return error.code
  }
  const type = parsed.values.get('-t') ?? parsed.values.get('--type')
  const kinds: ReadonlyMap<string, MonitorEvent['kind']> = new Map([['drop', 'drop'], ['trace', 'trace'], ['policy-verdict', 'verdict'], ['l7', 'l7']])
  if (type !== undefined && !kinds.has(type)) {
    yield* process.printError(`podhop: not simulated: cilium-dbg monitor --type ${type} (use drop, trace, policy-verdict or l7)\n`)
    return 69
  }
  const endpoint = parsed.values.get('--related-to') ?? parsed.values.get('--to') ?? parsed.values.get('--from')
  const more = new Signal()
  let lines: string[] = []
  const stop = datapath.onMonitor((event) => {
    if (type !== undefined && event.kind !== kinds.get(type)) return
    if (endpoint !== undefined && String(event.endpoint) !== endpoint) return
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
