import { isSystemError, type Machine, type Process, type Task } from '../../../engine/cluster.ts'
import { parseSignal } from '../../language/signal-names.ts'
import { runOn } from '../run-on.ts'
import { CtrError, type Runtime } from './runtime.ts'

/** What runs of a container or a sandbox: its first process, and those of its machine. */
export interface RunningTask { id: string; pid: number; pids(): number[]; process: Process; machine: Machine }

export function tasksOf({ view, containers, sandboxes }: Runtime): RunningTask[] {
  const { processes } = view
  const task = (id: string, process: Process, machine: Machine): RunningTask => ({
    id, process, machine, pid: processes.pidOf(process),
    pids: () => [...machine.processes.values()].filter((p) => !p.status).map((p) => processes.pidOf(p)).sort((a, b) => a - b),
  })
  return [
    ...containers.flatMap((c) => (c.run ? [task(c.id, c.run.process, c.run.machine)] : [])),
    ...sandboxes.flatMap((s) => (s.pause ? [task(s.id, s.pause.process, s.pause.machine)] : [])),
  ]
}

function running(runtime: Runtime, id: string): RunningTask {
  const found = runtime.find(id)
  const task = tasksOf(runtime).find((t) => t.id === found.id)
  if (!task) throw new CtrError(`no running task found: task ${found.id} not found: not found`)
  return task
}

/** The flags in front: those with a value, and those without. */
function takeFlags(words: string[], valued: readonly string[], plain: readonly string[]): Map<string, string> {
  const given = new Map<string, string>()
  while (words[0]?.startsWith('-')) {
    const [flag, inline] = words.shift()!.split(/=(.*)/s) as [string, string?]
    const name = flag.replace(/^--?/, '')
    if (valued.includes(name)) given.set(name, inline ?? words.shift() ?? '')
    else if (plain.includes(name)) given.set(name, 'true')
    else throw new CtrError(`flag provided but not defined: -${name}`)
  }
  return given
}

/** `ctr tasks exec --exec-id ID [-t] CONTAINER CMD…` */
export function* execTask(runtime: Runtime, args: readonly string[]): Task<number> {
  const words = [...args]
  const flags = takeFlags(words, ['cwd', 'exec-id', 'fifo-dir', 'log-uri', 'user'], ['t', 'tty', 'd', 'detach'])
  if (!flags.has('exec-id')) throw new CtrError('Required flag "exec-id" not set')
  const task = running(runtime, words.shift() ?? '')
  const uid = Number(flags.get('user') ?? task.process.user.uid)
  try {
    return yield* runOn(runtime.process, task.machine, { argv: words, cwd: flags.get('cwd') ?? task.process.cwd, user: uid === task.process.user.uid || Number.isNaN(uid) ? task.process.user : { ...task.process.user, uid } })
  } catch (error) {
    if (!isSystemError(error)) throw error
    const name = words[0] ?? ''
    throw new CtrError(`failed to exec in container: failed to start exec "${flags.get('exec-id')!}": OCI runtime exec failed: exec failed: unable to start container process: exec: "${name}": ${error.code === 'ENOENT' ? (name.includes('/') ? `stat ${name}: no such file or directory` : 'executable file not found in $PATH') : 'permission denied'}: unknown`)
  }
}

/** `ctr tasks kill [-s SIGNAL] CONTAINER` */
export function* killTask(runtime: Runtime, args: readonly string[]): Task<void> {
  const words = [...args]
  const flags = takeFlags(words, ['s', 'signal', 'exec-id'], ['a', 'all'])
  const wanted = flags.get('s') ?? flags.get('signal') ?? 'SIGTERM'
  const signal = parseSignal(wanted)
  if (signal === undefined) throw new CtrError(`unknown signal "${wanted}"`)
  const task = running(runtime, words[0] ?? '')
  task.process.signal(signal)
  yield* runtime.process.sleep(0, { background: false })
}
