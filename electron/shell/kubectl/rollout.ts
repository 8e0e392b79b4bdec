import type { Deployment, KubeObject, StatefulSet } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { timestamp } from '../../engine/kubernetes/human-duration.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { at, equal, type JsonObject } from './objects.ts'
import { typedPrinter } from './printers/typed.ts'
import { type Info, keyOf } from './resources.ts'
import { each, history, kindName, targets, undo } from './rollout-history.ts'
import { Watch } from './watching.ts'

const REVISION = 'deployment.kubernetes.io/revision'

const status: Command = {
  name: 'status',
  short: 'Show the status of the rollout',
  use: 'status (TYPE NAME | TYPE/NAME) [flags]',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, `
    --revision int
    --timeout duration
    -w --watch bool=true
  `),
  *run(k): Task<number> {
    if (k.flags.int('revision') < 0) throw new KubectlError(`revision must be a positive integer: ${k.flags.int('revision')}`)
    yield* each(k, false, (info) => followStatus(k, info))
    return 0
  },
}

function* followStatus(k: Kubectl, info: Info): Task {
  const viewer = { Deployment: deploymentStatus, DaemonSet: daemonSetStatus, StatefulSet: statefulSetStatus }[info.resource.kind]
  if (!viewer) throw new KubectlError(`no status viewer has been implemented for ${kindName(info)}`)
  const timeout = k.flags.duration('timeout')
  if (timeout < 0) yield* k.err(`${k.logHead('E')} until.go:159] "Timeout for context shall not be negative"\n`)
  const deadline = timeout > 0 ? k.process.clock.now + timeout : Infinity
  const watch = new Watch(k, keyOf(info.resource), { namespace: info.namespace, fieldSelector: `metadata.name=${info.name}` })
  try {
    for (;;) {
      const event = yield* watch.next(deadline)
      if (!event) throw new KubectlError('timed out waiting for the condition')
      if (event.type === 'DELETED') throw new KubectlError('object has been deleted')
      if (event.type !== 'ADDED' && event.type !== 'MODIFIED') continue
      const { message, done } = viewer(event.object as never, k.flags.int('revision'))
      yield* k.out(message)
      if (done || !k.flags.bool('watch')) return
    }
  } finally {
    watch.close()
  }
}

function deploymentStatus({ metadata, spec, status: s }: Deployment, revision: number): { message: string; done: boolean } {
  const running = Number(metadata.annotations?.[REVISION] ?? 0)
  if (revision > 0 && revision !== running) throw new KubectlError(`desired revision (${revision}) is different from the running revision (${running})`)
  const waiting = (what: string): { message: string; done: boolean } => ({ message: `Waiting for deployment ${quote(metadata.name)} rollout to finish: ${what}...\n`, done: false })
  if ((metadata.generation ?? 0) > (s.observedGeneration ?? 0)) return { message: 'Waiting for deployment spec update to be observed...\n', done: false }
  if (s.conditions?.some((c) => c.type === 'Progressing' && c.reason === 'ProgressDeadlineExceeded')) throw new KubectlError(`deployment ${quote(metadata.name)} exceeded its progress deadline`)
  const updated = s.updatedReplicas ?? 0
  const total = s.replicas ?? 0
  if (updated < (spec.replicas ?? 1)) return waiting(`${updated} out of ${spec.replicas ?? 1} new replicas have been updated`)
  if (total > updated) return waiting(`${total - updated} old replicas are pending termination`)
  if ((s.availableReplicas ?? 0) < updated) return waiting(`${s.availableReplicas ?? 0} of ${updated} updated replicas are available`)
  return { message: `deployment ${quote(metadata.name)} successfully rolled out\n`, done: true }
}

function daemonSetStatus(daemon: KubeObject): { message: string; done: boolean } {
  const n = (key: string): number => Number(at(daemon, 'status', key) ?? 0)
  const name = quote(daemon.metadata.name)
  if (at(daemon, 'spec', 'updateStrategy', 'type') !== 'RollingUpdate') throw new KubectlError('rollout status is only available for RollingUpdate strategy type')
  if ((daemon.metadata.generation ?? 0) > n('observedGeneration')) return { message: 'Waiting for daemon set spec update to be observed...\n', done: false }
  if (n('updatedNumberScheduled') < n('desiredNumberScheduled')) return { message: `Waiting for daemon set ${name} rollout to finish: ${n('updatedNumberScheduled')} out of ${n('desiredNumberScheduled')} new pods have been updated...\n`, done: false }
  if (n('numberAvailable') < n('desiredNumberScheduled')) return { message: `Waiting for daemon set ${name} rollout to finish: ${n('numberAvailable')} of ${n('desiredNumberScheduled')} updated pods are available...\n`, done: false }
  return { message: `daemon set ${name} successfully rolled out\n`, done: true }
}

function statefulSetStatus({ metadata, spec, status: s }: StatefulSet): { message: string; done: boolean } {
  if (spec.updateStrategy?.type !== 'RollingUpdate') throw new KubectlError('rollout status is only available for RollingUpdate strategy type')
  const waiting = (message: string): { message: string; done: boolean } => ({ message: `${message}...\n`, done: false })
  const replicas = spec.replicas ?? 1
  const updated = s.updatedReplicas ?? 0
  if (!s.observedGeneration || (metadata.generation ?? 0) > s.observedGeneration) return waiting('Waiting for statefulset spec update to be observed')
  if ((s.readyReplicas ?? 0) < replicas) return waiting(`Waiting for ${replicas - (s.readyReplicas ?? 0)} pods to be ready`)
  const { rollingUpdate } = spec.updateStrategy
  if (rollingUpdate) {
    const wanted = replicas - (rollingUpdate.partition ?? 0)
    if (rollingUpdate.partition !== undefined && updated < wanted) return waiting(`Waiting for partitioned roll out to finish: ${updated} out of ${wanted} new pods have been updated`)
    return { message: `partitioned roll out complete: ${updated} new pods have been updated...\n`, done: true }
  }
  if (s.updateRevision !== s.currentRevision) return waiting(`waiting for statefulset rolling update to complete ${updated} pods at revision ${s.updateRevision ?? ''}`)
  return { message: `statefulset rolling update complete ${s.currentReplicas ?? 0} pods at revision ${s.currentRevision ?? ''}...\n`, done: true }
}

const restart: Command = {
  name: 'restart',
  short: 'Restart a resource',
  use: 'restart RESOURCE',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, '--field-manager string=kubectl-rollout'),
  *run(k): Task<number> {
    const { infos, errors } = yield* targets(k)
    for (const info of infos) {
      const which = `${info.resource.name}${info.resource.group ? `.${info.resource.group}` : ''} ${quote(info.name)}`
      if (at(info.object, 'spec', 'paused') === true) {
        errors.push(new KubectlError(`error: ${which} can't restart paused deployment (run rollout resume first)`))
        continue
      }
      if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(info.resource.kind)) {
        errors.push(new KubectlError(`error: ${which} restarting is not supported`))
        continue
      }
      const body = { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': timestamp(k.now) } } } } }
      try {
        const after = yield* patchTemplate(k, info, body, false)
        if (equal(after, info.object)) throw new KubectlError(`failed to create patch for ${info.name}: if restart has already been triggered within the past second, please wait before attempting to trigger another`)
        yield* k.out(typedPrinter(k, 'restarted').print(after))
      } catch (error) {
        errors.push(error)
      }
    }
    throwAll(errors)
    return 0
  },
}

function* patchTemplate(k: Kubectl, info: Info, body: JsonObject, dryRun: boolean): Task<JsonObject> {
  return (yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.namespace, info.name, 'application/strategic-merge-patch+json', body, { fieldManager: 'kubectl-rollout', dryRun }))) as unknown as JsonObject
}

function pauser(name: 'pause' | 'resume', short: string, paused: boolean): Command {
  return {
    name,
    short,
    use: `${name} RESOURCE`,
    flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, '--field-manager string=kubectl-rollout'),
    *run(k): Task<number> {
      const { infos, errors } = yield* targets(k)
      for (const info of infos) {
        const which = `${info.resource.name}${info.resource.group ? `.${info.resource.group}` : ''} ${quote(info.name)}`
        if (info.resource.kind !== 'Deployment') errors.push(new KubectlError(`error: ${which} ${paused ? 'pausing' : 'resuming'} is not supported`))
        else if ((at(info.object, 'spec', 'paused') === true) === paused) errors.push(new KubectlError(`error: ${which} is ${paused ? 'already paused' : 'not paused'}`))
        else {
          try {
            const after = yield* patchTemplate(k, info, { spec: { paused: paused || null } }, false)
            yield* k.out(typedPrinter(k, `${name}d`).print(after))
          } catch (error) {
            errors.push(error)
          }
        }
      }
      throwAll(errors)
      return 0
    },
  }
}

export const rollout: Command = {
  name: 'rollout',
  short: 'Manage the rollout of a resource',
  use: 'rollout SUBCOMMAND',
  commands: [history, pauser('pause', 'Mark the provided resource as paused', true), restart, pauser('resume', 'Resume a paused resource', false), status, undo],
}

