import { hasTemplate, templateOf } from '../../engine/kubernetes/controllers/history.ts'
import type { ControllerRevision, Deployment, KubeObject, LabelSelector, PodTemplateSpec, ReplicaSet } from '../../engine/kubernetes/types.ts'
import { formatScaleSelector } from '../../engine/kubernetes/selectors.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { describePodTemplate } from './describe/containers.ts'
import { replicaSetsOf } from './describe/workloads.ts'
import { Description } from './describe/writer.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { inGoOrder } from './go-order.ts'
import { at, equal, type JsonObject, map } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { typedPrinter } from './printers/typed.ts'
import { DESCRIBE, TabWriter } from './printers/tabwriter.ts'
import { type Info, keyOf, kindOf, queryOf, resolve } from './resources.ts'

/** rollout history and undo: kubectl's pkg/polymorphichelpers history.go and rollback.go. */
const REVISION = 'deployment.kubernetes.io/revision'
const CHANGE_CAUSE = 'kubernetes.io/change-cause'

/** What is asked for; what could not be found is told when the others are done. `silent`: nothing is said when there is nothing. */
export function* targets(k: Kubectl, silent = false): Task<{ infos: Info[]; errors: unknown[] }> {
  if (k.args.length === 0 && k.flags.list('filename').length === 0) throw new KubectlError('required resource not specified')
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: k.args, everything: true, latest: true }))
  if (infos.length === 0 && errors.length === 0 && !silent) yield* k.err(`No resources found in ${k.namespace.name} namespace.\n`)
  return { infos: [...infos], errors: [...errors] }
}

/** Does it to each; what fails does not keep the others. */
export function* each(k: Kubectl, silent: boolean, work: (info: Info) => Task): Task {
  const { infos, errors } = yield* targets(k, silent)
  for (const info of infos) {
    try {
      yield* work(info)
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
}

export const kindName = (info: Info): string => kindOf(info.resource)
/** schema.GroupKind as Go's %v writes it. */
/** Kinds that kubectl visits and then finds to have no history (polymorphichelpers, apps.GroupKindElement). */
const WITHOUT_HISTORY: ReadonlySet<string> = new Set(['Job.batch', 'CronJob.batch', 'Pod.', 'ReplicaSet.apps', 'ReplicationController.'])

function nothingTo(info: Info, what: string, tool: string): KubectlError {
  const { group, kind } = info.resource
  if (WITHOUT_HISTORY.has(`${kind}.${group}`)) return new KubectlError(`no ${tool} has been implemented for ${quote(kindName(info))}`)
  return new KubectlError(`error retrieving ${what} for ${quote(kindName(info))}, no visitor method exists for {${group} ${kind}}`)
}

/** One revision: what was rolled out, and what -o prints of it. */
interface Revision {
  template: PodTemplateSpec | undefined
  changeCause: string | undefined
  object: JsonObject
  /** What holds it: a ReplicaSet or a ControllerRevision. */
  source: KubeObject
}

/** The revisions of a workload by their numbers; undefined for a kind that has none. */
function revisionsOf(k: Kubectl, info: Info): Map<number, Revision> | undefined {
  let found: [number, Revision][]
  if (info.resource.kind === 'Deployment') found = ofDeployment(k, info)
  else if (info.resource.kind === 'DaemonSet' || info.resource.kind === 'StatefulSet') found = ofRevisions(k, info)
  else return undefined
  return new Map(found.sort(([a], [b]) => a - b))
}

function ofDeployment(k: Kubectl, info: Info): [number, Revision][] {
  const { old, current } = replicaSetsOf({ k }, info.object as unknown as Deployment)
  return [...old, ...current].flatMap((rs: ReplicaSet): [number, Revision][] => {
    const number = rs.metadata.annotations?.[REVISION]
    const changeCause = rs.metadata.annotations?.[CHANGE_CAUSE]
    const template = changeCause ? withAnnotation(rs.spec.template, changeCause) : rs.spec.template
    return number ? [[Number(number), { template, changeCause, object: rs as unknown as JsonObject, source: rs }]] : []
  })
}

function withAnnotation(template: PodTemplateSpec | undefined, cause: string): PodTemplateSpec {
  return { ...template, metadata: { ...template?.metadata, annotations: { ...template?.metadata?.annotations, [CHANGE_CAUSE]: cause } } }
}

function ofRevisions(k: Kubectl, info: Info): [number, Revision][] {
  const uid = at(info.object, 'metadata', 'uid')
  const labelSelector = formatScaleSelector(at(info.object, 'spec', 'selector') as LabelSelector | undefined)
  return k.client.list<ControllerRevision>('controllerrevisions', { namespace: info.namespace, labelSelector }).items
    .filter((r) => r.metadata.ownerReferences?.some((o) => o.controller && o.uid === uid))
    .map((source): [number, Revision] => {
      const template = templateOf(source)
      const object = { ...info.object, spec: { ...map(at(info.object, 'spec')), template: template as unknown as JsonObject } }
      return [source.revision, { template, changeCause: source.metadata.annotations?.[CHANGE_CAUSE], object, source }]
    })
}

function templateText(k: Kubectl, template: PodTemplateSpec | undefined): string {
  const d = new Description(k)
  describePodTemplate(d, template)
  return d.plain()
}

export const history: Command = {
  name: 'history',
  short: 'View rollout history',
  use: 'history (TYPE NAME | TYPE/NAME) [flags]',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, `
    --revision int
  `),
  *run(k): Task<number> {
    const wanted = k.flags.int('revision')
    if (wanted < 0) throw new KubectlError(`revision must be a positive integer: ${wanted}`)
    const printer = k.flags.string('output') ? printerFor(k, { typed: true }) : undefined
    yield* each(k, true, function* (info) {
      const revisions = revisionsOf(k, info)
      if (!revisions) throw nothingTo(info, 'history', 'history viewer')
      if (wanted > 0 && !revisions.has(wanted) && (revisions.size > 0 || printer)) throw new KubectlError('unable to find the specified revision')
      if (printer) {
        for (const [number, { object }] of revisions) if (wanted === 0 || wanted === number) yield* k.out(printer.print(inGoOrder(object)))
        return
      }
      const operation = `${wanted > 0 ? `with revision #${wanted}` : ''}\n${historyText(k, revisions, wanted)}`
      yield* k.out(typedPrinter(k, operation).print(info.object!))
    })
    return 0
  },
}

function historyText(k: Kubectl, revisions: ReadonlyMap<number, Revision>, wanted: number): string {
  if (revisions.size === 0) return 'No rollout history found.'
  if (wanted > 0) return templateText(k, revisions.get(wanted)!.template)
  const writer = new TabWriter(DESCRIBE)
  writer.write('REVISION\tCHANGE-CAUSE\n')
  for (const [number, { changeCause }] of revisions) writer.write(`${number}\t${changeCause || '<none>'}\n`)
  return writer.flush()
}

export const undo: Command = {
  name: 'undo',
  short: 'Undo a previous rollout',
  use: 'undo (TYPE NAME | TYPE/NAME) [flags]',
  flags: flags(FILENAME_FLAGS, SELECTOR_FLAG, PRINT_FLAGS, DRY_RUN_FLAG, '--to-revision int'),
  *run(k): Task<number> {
    const dryRun = yield* k.dryRun()
    yield* each(k, true, function* (info) {
      const operation = yield* rollBack(k, info, k.flags.int('to-revision'), dryRun)
      yield* k.out(typedPrinter(k, dryRunned(operation, dryRun)).print(info.object!))
    })
    return 0
  },
}

/** What undo says that it did. */
function* rollBack(k: Kubectl, info: Info, wanted: number, dryRun: 'none' | 'client' | 'server'): Task<string> {
  const revisions = revisionsOf(k, info)
  if (!revisions) throw nothingTo(info, 'rollbacker', 'rollbacker')
  const notFound = new KubectlError(`unable to find specified revision ${wanted} in history`)
  if (wanted < 0) throw notFound
  const isDeployment = info.resource.kind === 'Deployment'
  if (wanted === 0 && revisions.size <= 1) throw new KubectlError(isDeployment ? `no rollout history found for deployment ${quote(info.name)}` : 'no last revision to roll back to')
  const found = revisions.get(wanted || [...revisions.keys()].at(-2)!)
  if (!found) throw notFound
  if (dryRun === 'client') return isDeployment ? templateText(k, found.template) : `will roll back to ${templateText(k, found.template)}`
  if (isDeployment && at(info.object, 'spec', 'paused') === true) {
    throw new KubectlError("you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again")
  }
  const same = isDeployment ? equal(deploymentTemplate(found.source as ReplicaSet), at(info.object, 'spec', 'template')) : hasTemplate(found.source as ControllerRevision, at(info.object, 'spec', 'template') as PodTemplateSpec)
  if (same) return `skipped rollback (current template already matches revision ${wanted})`
  const options = { dryRun: dryRun === 'server' }
  const key = keyOf(info.resource)
  if (isDeployment) yield* k.decided(() => k.client.patch(key, info.namespace, info.name, 'application/json-patch+json', deploymentPatch(info, found.source as ReplicaSet), options))
  else yield* k.decided(() => k.client.patch(key, info.namespace, info.name, 'application/strategic-merge-patch+json', (found.source as ControllerRevision).data, options))
  return 'rolled back'
}

/** The template without the hash that the controller gave it. */
function deploymentTemplate({ spec }: ReplicaSet): JsonObject {
  const { 'pod-template-hash': _, ...labels } = spec.template?.metadata?.labels ?? {}
  return { ...spec.template, metadata: { ...spec.template?.metadata, labels } } as unknown as JsonObject
}

/** Annotations that belong to the Deployment itself: the others are those of the revision. */
const KEPT = ['kubectl.kubernetes.io/last-applied-configuration', REVISION, 'deployment.kubernetes.io/revision-history', 'deployment.kubernetes.io/desired-replicas', 'deployment.kubernetes.io/max-replicas', 'deprecated.deployment.rollback.to']

function deploymentPatch(info: Info, rs: ReplicaSet): JsonObject[] {
  const own = Object.entries(map(at(info.object, 'metadata', 'annotations'))).filter(([key]) => KEPT.includes(key))
  const theirs = Object.entries(rs.metadata.annotations ?? {}).filter(([key]) => !KEPT.includes(key))
  return [
    { op: 'replace', path: '/spec/template', value: deploymentTemplate(rs) },
    { op: 'replace', path: '/metadata/annotations', value: Object.fromEntries([...own, ...theirs]) },
  ]
}
