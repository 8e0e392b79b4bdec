import { goDuration } from '../../kubernetes/kubelet/go-duration.ts'
import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { parseGoDuration } from '../http/go.ts'
import { klogLine } from '../klog.ts'
import { cobraFlags } from './flags.ts'

const METHODS = ['GET', 'POST', 'PUT']
const NAMESPACES = ['kube-system', 'default', 'ns']
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789'

/** agnhost logs-generator: so many lines of an API server that there is not, evenly over so long. */
export function* logsGenerator(process: Process, args: readonly string[]): Task<number> {
  const long = args.map((arg) => arg.replace(/^-t(?==|$|\d)=?/, '--log-lines-total=').replace(/^-d(?==|$|\d)=?/, '--run-duration=').replace(/=$/, ''))
  const flags = yield* cobraFlags(process, long, [{ name: 'log-lines-total', kind: 'int' }, { name: 'run-duration', kind: 'string' }])
  if (typeof flags === 'number') return flags
  const total = Number(flags.values.get('log-lines-total') ?? 0)
  const given = flags.values.get('run-duration') ?? '0s'
  const duration = parseGoDuration(given)
  const line = (severity: 'I' | 'F', place: string, text: string): Task<void> => process.printError(klogLine(process.clock.wall(), severity, process.pid, `logs_generator.go:${place}`, text))
  if (duration === undefined) {
    yield* process.printError(`Error: invalid argument "${given}" for "-d, --run-duration" flag: time: invalid duration "${given}"\n`)
    return 1
  }
  if (total <= 0 || duration <= 0) {
    yield* line('F', total <= 0 ? '68' : '72', total <= 0 ? `Invalid total number of lines: ${total}` : `Invalid duration: ${goDuration(duration)}`)
    return 255
  }
  const random = process.clock.random.fork(`logs of ${process.machine.name}`)
  const one = <T>(list: readonly T[]): T => list[random.below(list.length)]!
  for (let id = 0; id < total; id++) {
    const name = Array.from({ length: 3 + random.below(2) }, () => one([...LETTERS])).join('')
    yield* line('I', '80', `${id} ${one(METHODS)} /api/v1/namespaces/${one(NAMESPACES)}/pods/${name} ${200 + random.below(400)}`)
    yield* process.sleep(duration / total)
  }
  return 0
}
