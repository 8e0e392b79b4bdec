import type { CronJob } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { CREATE_FLAGS, started } from './create-simple.ts'
import { KubectlError, messageOf } from './errors.ts'
import { flags } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { queryOf, resolve } from './resources.ts'
import { createAndPrint, metadataOf } from './saving.ts'

/** kubectl's pkg/cmd/create: create_job.go and create_cronjob.go. */
export const createJob: Command = {
  name: 'job',
  short: 'Create a job with the specified name',
  use: 'job NAME --image=image [--from=cronjob/name] -- [COMMAND] [args...]',
  flags: flags(CREATE_FLAGS, `
    --from string
    --image string
  `),
  *run(k): Task<number> {
    const name = yield* started(k)
    const { flags: f } = k
    const [image, from] = [f.string('image'), f.string('from')]
    if ((image === '') === (from === '')) throw new KubectlError('either --image or --from must be specified')
    if (k.args.length > 1 && from) throw new KubectlError('cannot specify --from and command')
    const job = image ? jobOf(name, podTemplate(name, image, k.args.slice(1), 'Never')) : yield* fromCronJob(k, name, from)
    return yield* created(k, job)
  },
}

function* created(k: Kubectl, object: JsonObject): Task<number> {
  try {
    return yield* createAndPrint(k, object)
  } catch (error) {
    if (error instanceof KubectlError) throw error
    throw new KubectlError(`failed to create ${String(object['kind']).toLowerCase()}: ${messageOf(error)}`)
  }
}

function podTemplate(name: string, image: string, command: readonly string[], restartPolicy: string): JsonObject {
  const container: JsonObject = { name, image, ...(command.length > 0 ? { command } : {}), resources: {} }
  return { metadata: { creationTimestamp: null }, spec: { containers: [container], restartPolicy } }
}

function jobOf(name: string, template: JsonObject): JsonObject {
  return { kind: 'Job', apiVersion: 'batch/v1', metadata: metadataOf(name), spec: { template }, status: {} }
}

function* fromCronJob(k: Kubectl, name: string, from: string): Task<JsonObject> {
  const { infos, errors } = yield* resolve(k, queryOf(k, { args: [from], latest: true, labelSelector: '' }))
  if (errors.length > 0) throw errors[0]
  if (infos.length !== 1) throw new KubectlError('from must be an existing cronjob')
  const { resource, object } = infos[0]!
  if (resource.kind !== 'CronJob') throw new KubectlError(`unknown object type *v1.${resource.kind}`)
  const { metadata, spec } = object as unknown as CronJob
  const template = spec.jobTemplate
  const annotations = { 'cronjob.kubernetes.io/instantiate': 'manual', ...template.metadata?.annotations }
  const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: metadata.name, uid: metadata.uid, controller: true }
  return {
    kind: 'Job',
    apiVersion: 'batch/v1',
    metadata: { ...metadataOf(name, { annotations, labels: (template.metadata?.labels ?? {}) as JsonObject }), ownerReferences: [owner] },
    spec: template.spec,
    status: {},
  }
}

export const createCronJob: Command = {
  name: 'cronjob',
  aliases: ['cj'],
  short: 'Create a cron job with the specified name',
  use: "cronjob NAME --image=image --schedule='0/5 * * * ?' -- [COMMAND] [args...] [flags]",
  flags: flags(CREATE_FLAGS, `
    --image string
    --restart string
    --schedule string
  `),
  required: ['image', 'schedule'],
  *run(k): Task<number> {
    const name = yield* started(k)
    const { flags: f } = k
    const template = podTemplate(name, f.string('image'), k.args.slice(1), f.string('restart') || 'OnFailure')
    return yield* created(k, {
      kind: 'CronJob',
      apiVersion: 'batch/v1',
      metadata: metadataOf(name),
      spec: { schedule: f.string('schedule'), jobTemplate: { metadata: metadataOf(name), spec: { template } } },
      status: {},
    })
  },
}
