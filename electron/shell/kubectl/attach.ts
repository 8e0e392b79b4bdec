import type { Pod } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { flags } from './flags.ts'
import { attachablePod, containerOf, containersOf, oneObject, phaseOf, podRunningTimeout } from './pods.ts'
import { joinRemote, settleTty } from './remote.ts'

export const attach: Command = {
  name: 'attach',
  short: 'Attach to a running container',
  use: 'attach (POD | TYPE/NAME) -c CONTAINER',
  flags: flags(`
    -c --container string
    --pod-running-timeout duration=1m0s
    -q --quiet bool
    -i --stdin bool
    -t --tty bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const timeout = podRunningTimeout(k)
  if (args.length === 0) throw new KubectlError('at least 1 argument is required for attach')
  if (args.length > 2) throw new KubectlError(`expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw ${args.length}: [${args.join(' ')}]`)
  const info = args.length === 1 ? yield* oneObject(k, [args[0]!]) : yield* oneObject(k, [args[1]!], args[0]!)
  const pod = yield* attachablePod(k, info, timeout)
  const phase = phaseOf(pod)
  if (phase === 'Succeeded' || phase === 'Failed') throw new KubectlError(`cannot attach a container in a completed pod; current phase is ${phase}`)
  yield* attachTo(k, pod, { container: f.string('container'), stdin: f.bool('stdin'), tty: f.bool('tty'), quiet: f.bool('quiet') })
  return 0
}

function* attachable(k: Kubectl, pod: Pod, wanted: { container: string; quiet: boolean }): Task<ReturnType<typeof containersOf>[number]> {
  try {
    return yield* containerOf(k, pod, wanted.container, wanted.quiet)
  } catch (error) {
    throw error instanceof KubectlError ? new KubectlError(`cannot attach to the container: ${error.message}`) : error
  }
}

/** Attaches to a container that runs; `run -it` does the same. */
export function* attachTo(k: Kubectl, pod: Pod, wanted: { container: string; stdin: boolean; tty: boolean; quiet: boolean }): Task {
  const container = yield* attachable(k, pod, wanted)
  let asked = wanted.tty
  if (asked && !container.tty) {
    asked = false
    if (!wanted.quiet) yield* k.err(`error: Unable to use a TTY - container ${container.name} did not allocate one\n`)
  } else if (!asked && container.tty) asked = true
  const tty = yield* settleTty(k, { stdin: wanted.stdin, tty: asked, quiet: wanted.quiet })
  if (!wanted.quiet) yield* k.err("If you don't see a command prompt, try pressing enter.\n")
  yield* joinRemote(k, { pod, container: container.name, stdin: wanted.stdin, tty, quiet: wanted.quiet })
  if (wanted.quiet || !wanted.stdin || !tty || (pod.spec.restartPolicy ?? 'Always') !== 'Always') return
  const again = `'kubectl attach ${pod.metadata.name} -c ${container.name} -i -t'`
  yield* k.out(container.kind === 'ephemeralContainers' ? `Session ended, the ephemeral container will not be restarted but may be reattached using ${again} if it is still running\n` : `Session ended, resume using ${again} command when the pod is running\n`)
}
