import type { Deployment, KubeObject, ReplicaSet } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { timestamp } from '../../engine/kubernetes/human-duration.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { describePodTemplate } from './describe/containers.ts'
import { replicaSetsOf } from './describe/workloads.ts'
import { Description } from './describe/writer.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG, TEMPLATE_FLAGS } from './flags.ts'
import { at, equal, type JsonObject } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { DESCRIBE, TabWriter } from './printers/tabwriter.ts'
import { type Info, keyOf, kindWord, queryOf, resolve } from './resources.ts'
import { Watch } from './watching.ts'

const REVISION = 'deployment.kubernetes.io/revision'

function* targets(k: Kubectl): Task<Info[]> {
  if (k.args.length === 0 && k.flags.list('filename').length === 0) throw new KubectlError('required resource not specified')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, everything: true, latest: true }))
  throwAll(errors)
  if (infos.length === 0) yield* k.err(`No resources found in ${k.namespace.name} namespace.\n`)
  return infos
}

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
    for (const info of yield* targets(k)) yield* followStatus(k, info)
    return 0
  },
}

function* followStatus(k: Kubectl, info: Info): Task {
  const viewer = { Deployment: deploymentStatus, DaemonSet: daemonSetStatus }[info.resource.kind]
  if (!viewer) throw new KubectlError(`no status viewer has been implemented for ${kindName(info)}`)
  const timeout = k.flags.duration('timeout')
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

function kindName(info: Info): string {
  return info.resource.group ? `${info.resource.kind}.${info.resource.group}` : info.resource.kind
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

/** The ReplicaSets of a Deployment by their revision. */
function revisionsOf(k: Kubectl, info: Info): Map<number, ReplicaSet> {
  if (info.resource.kind !== 'Deployment') throw new KubectlError(`no history viewer has been implemented for ${quote(kindName(info))}`)
  const { old, current } = replicaSetsOf({ k }, info.object as unknown as Deployment)
  const found = new Map<number, ReplicaSet>()
  for (const rs of [...old, ...current]) {
    const revision = rs.metadata.annotations?.[REVISION]
    if (revision) found.set(Number(revision), rs)
  }
  return new Map([...found].sort(([a], [b]) => a - b))
}

const history: Command = {
  name: 'history',
  short: 'View rollout history',
  use: 'history (TYPE NAME | TYPE/NAME) [flags]',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, TEMPLATE_FLAGS, `
    -o --output string ~
    --revision int
  `),
  *run(k): Task<number> {
    const revision = k.flags.int('revision')
    if (revision < 0) throw new KubectlError(`revision must be a positive integer: ${revision}`)
    for (const info of yield* targets(k)) {
      const revisions = revisionsOf(k, info)
      const withRevision = revision > 0 ? ` with revision #${revision}` : ''
      let text = 'No rollout history found.'
      if (revision > 0 && revisions.size > 0) {
        const rs = revisions.get(revision)
        if (!rs) throw new KubectlError('unable to find the specified revision')
        const d = new Description(k)
        describePodTemplate(d, rs.spec.template)
        text = d.plain()
      } else if (revisions.size > 0) {
        const writer = new TabWriter(DESCRIBE)
        writer.write('REVISION\tCHANGE-CAUSE\n')
        for (const [n, rs] of revisions) writer.write(`${n}\t${rs.metadata.annotations?.['kubernetes.io/change-cause'] || '<none>'}\n`)
        text = writer.flush()
      }
      yield* k.out(`${kindWord(info.resource)}/${info.name}${withRevision} \n${text}\n`)
    }
    return 0
  },
}

const restart: Command = {
  name: 'restart',
  short: 'Restart a resource',
  use: 'restart RESOURCE',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, '--field-manager string=kubectl-rollout'),
  *run(k): Task<number> {
    const errors: unknown[] = []
    for (const info of yield* targets(k)) {
      if (!['Deployment', 'DaemonSet', 'StatefulSet'].includes(info.resource.kind)) {
        errors.push(new KubectlError(`error: ${info.resource.name}.${info.resource.group} ${quote(info.name)} restarting is not supported`))
        continue
      }
      const at = timestamp(k.now)
      const body = { spec: { template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': at } } } } }
      try {
        const after = patchTemplate(k, info, body, false)
        if (equal(after, info.object)) throw new KubectlError(`failed to create patch for ${info.name}: if restart has already been triggered within the past second, please wait before attempting to trigger another`)
        yield* k.out(printerFor(k, { operation: 'restarted' }).print(after))
      } catch (error) {
        errors.push(error)
      }
    }
    throwAll(errors)
    return 0
  },
}

function patchTemplate(k: Kubectl, info: Info, body: JsonObject, dryRun: boolean): JsonObject {
  return k.client.patch<KubeObject>(keyOf(info.resource), info.namespace, info.name, 'application/strategic-merge-patch+json', body, { fieldManager: 'kubectl-rollout', dryRun }) as unknown as JsonObject
}

const undo: Command = {
  name: 'undo',
  short: 'Undo a previous rollout',
  use: 'undo (TYPE NAME | TYPE/NAME) [flags]',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, DRY_RUN_FLAG, '--to-revision int'),
  *run(k): Task<number> {
    const dryRun = yield* k.dryRun()
    for (const info of yield* targets(k)) {
      if (info.resource.kind !== 'Deployment') throw new KubectlError(`no rollbacker has been implemented for ${quote(kindName(info))}`)
      if (at(info.object, 'spec', 'paused') === true) throw new KubectlError("you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again")
      const revisions = revisionsOf(k, info)
      const wanted = k.flags.int('to-revision')
      const order = [...revisions.keys()]
      const revision = wanted > 0 ? wanted : order[order.length - 2]
      const rs = revision === undefined ? undefined : revisions.get(revision)
      if (!rs) throw new KubectlError(wanted > 0 ? `unable to find specified revision ${wanted} in history` : `no rollout history found for deployment ${quote(info.name)}`)
      const done = rollBack(k, info, rs, dryRun !== 'none')
      const operation = done ? 'rolled back' : `skipped rollback (current template already matches revision ${revision})`
      yield* k.out(printerFor(k, { operation: dryRunned(operation, dryRun) }).print(info.object!))
    }
    return 0
  },
}

/** The old template, without its hash; false when it is the current one. */
function rollBack(k: Kubectl, info: Info, rs: ReplicaSet, dryRun: boolean): boolean {
  const labels = { ...(rs.spec.template?.metadata?.labels as Record<string, string> | undefined) }
  delete labels['pod-template-hash']
  const template = { ...rs.spec.template, metadata: { ...rs.spec.template?.metadata, labels } }
  if (equal(template, at(info.object, 'spec', 'template'))) return false
  const annotations = rs.metadata.annotations ?? {}
  const cause = annotations['kubernetes.io/change-cause']
  const operations: JsonObject[] = [{ op: 'replace', path: '/spec/template', value: template }]
  if (cause) operations.push({ op: 'add', path: '/metadata/annotations/kubernetes.io~1change-cause', value: cause })
  k.client.patch(keyOf(info.resource), info.namespace, info.name, 'application/json-patch+json', operations, { dryRun })
  return true
}

function pauser(name: 'pause' | 'resume', short: string, paused: boolean): Command {
  return {
    name,
    short,
    use: `${name} RESOURCE`,
    flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, '--field-manager string=kubectl-rollout'),
    *run(k): Task<number> {
      const errors: unknown[] = []
      for (const info of yield* targets(k)) {
        const which = `${info.resource.name}.${info.resource.group} ${quote(info.name)}`
        if (info.resource.kind !== 'Deployment') errors.push(new KubectlError(`error: ${which} ${paused ? 'pausing' : 'resuming'} is not supported`))
        else if ((at(info.object, 'spec', 'paused') === true) === paused) errors.push(new KubectlError(`error: ${which} is ${paused ? 'already paused' : 'not paused'}`))
        else yield* k.out(printerFor(k, { operation: `${name}d` }).print(patchTemplate(k, info, { spec: { paused: paused || null } }, false)))
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

