import type { Pod } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { flags } from './flags.ts'
import { attachablePod, containerOf, oneObject, phaseOf, podRunningTimeout } from './pods.ts'
import { joinRemote, settleTty } from './remote.ts'
import { queryOf, resolveAll } from './resources.ts'

export const exec: Command = {
  name: 'exec',
  short: 'Execute a command in a container',
  use: 'exec (POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]',
  flags: flags(`
    -c --container string
    -f --filename slice
    --pod-running-timeout duration=1m0s
    -q --quiet bool
    -i --stdin bool
    -t --tty bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const dash = f.dash
  const name = args.length > 0 && dash !== 0 ? args[0]! : ''
  const files = f.list('filename')
  if (dash < 0 && (args.length > 1 || (args.length > 0 && files.length > 0))) {
    throw k.usageError('exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead')
  }
  const command = dash >= 0 ? args.slice(dash) : []
  const timeout = podRunningTimeout(k)
  if (!name && files.length === 0) throw new KubectlError('pod, type/name or --filename must be specified')
  if (command.length === 0) throw new KubectlError('you must specify at least one command for the container')
  const infos = name ? [yield* oneObject(k, [name])] : yield* resolveAll(k, queryOf(k, { latest: true }))
  if (infos.length > 1) throw new KubectlError('cannot exec into multiple objects at a time')
  const info = infos[0]!
  const pod: Pod = yield* attachablePod(k, info, timeout)
  const phase = phaseOf(pod)
  if (phase === 'Succeeded' || phase === 'Failed') throw new KubectlError(`cannot exec into a container in a completed pod; current phase is ${phase}`)
  const quiet = f.bool('quiet')
  // a name that the Pod does not have is the kubelet's to refuse
  const container = f.string('container') || (yield* containerOf(k, pod, '', quiet)).name
  const tty = yield* settleTty(k, { stdin: f.bool('stdin'), tty: f.bool('tty'), quiet })
  yield* joinRemote(k, { pod, container, stdin: f.bool('stdin'), tty, quiet, command })
  return 0
}
