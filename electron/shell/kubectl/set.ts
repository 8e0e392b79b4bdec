import type { KubeObject } from '../../engine/kubernetes/types.ts'
import { decode } from '../../engine/kubernetes/schema/decode.ts'
import { schemaOf } from '../../engine/kubernetes/schema/index.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { at, equal, type JsonObject, list, map, text } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { keyOf, queryOf, resolve } from './resources.ts'

const image: Command = {
  name: 'image',
  short: 'Update the image of a pod template',
  use: 'image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, `
    --all bool
    --field-manager string=kubectl-set
    --local bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const dryRun = yield* k.dryRun()
  const isPair = (arg: string): boolean => arg.includes('=') && !arg.startsWith('=') && !arg.endsWith('=')
  const first = args.findIndex(isPair)
  const resources = first < 0 ? [...args] : args.slice(0, first)
  const images = new Map((first < 0 ? [] : args.slice(first)).map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at <= 0) throw new KubectlError(`all resources must be specified before image changes: ${pair}`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  }))
  const problems: unknown[] = []
  const local = f.bool('local')
  if (f.bool('all') && f.string('selector')) problems.push(new KubectlError('cannot set --all and --selector at the same time'))
  if (resources.length === 0 && f.list('filename').length === 0) {
    if (images.size > 0 || local) problems.push(new KubectlError('one or more resources must be specified as <resource> <name> or <resource>/<name>'))
  }
  if (images.size === 0 && (resources.length > 0 || f.list('filename').length > 0)) problems.push(new KubectlError('at least one image update is required'))
  if (images.has('*') && images.size > 1) problems.push(new KubectlError('all containers are already specified by *, but saw more than one container_name=container_image pairs'))
  if (local && dryRun === 'server') problems.push(new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?'))
  throwAll(problems)
  const { infos, errors } = yield* resolve(k, local
    ? { filenames: f.list('filename'), recursive: f.bool('recursive'), local }
    : queryOf(k, { args: resources, latest: true, all: false, everything: f.bool('all') }))
  for (const info of infos) {
    try {
      const after = withImages(info.object!, images)
      const name = `${local ? info.resource.singular : info.resource.name}/${info.name}`
      if (!after) {
        errors.push(new KubectlError(`error: ${name} the object is not a pod or does not have a pod template: *v1.${info.resource.kind}\n`))
        continue
      }
      if (local || dryRun === 'client') {
        yield* k.out(printerFor(k, { operation: dryRunned('image updated', dryRun) }).print(local ? typed(after) : after))
        continue
      }
      if (equal(after, info.object)) continue
      const pod = info.resource.kind === 'Pod'
      const spec = pod ? at(after, 'spec') : at(after, 'spec', 'template', 'spec')
      const containers: JsonObject = { containers: list(at(spec, 'containers')).map((c) => ({ name: at(c, 'name'), image: at(c, 'image') })) }
      if (list(at(spec, 'initContainers')).length > 0) containers['initContainers'] = list(at(spec, 'initContainers')).map((c) => ({ name: at(c, 'name'), image: at(c, 'image') }))
      const patched = k.client.patch<KubeObject>(keyOf(info.resource), info.namespace, info.name, 'application/strategic-merge-patch+json', pod ? { spec: containers } : { spec: { template: { spec: containers } } }, {
        dryRun: dryRun === 'server', fieldManager: f.string('field-manager'),
      })
      yield* k.out(printerFor(k, { operation: dryRunned('image updated', dryRun) }).print(patched as unknown as JsonObject))
    } catch (error) {
      errors.push(error)
    }
  }
  throwAll(errors)
  return 0
}

/** As Go writes the type: empty structs and the unset creation time are there. */
function typed(object: JsonObject): JsonObject {
  const { value } = decode<JsonObject>(object, schemaOf(text(object['kind'])))
  const timed = (metadata: unknown): JsonObject => ({ creationTimestamp: null, ...map(metadata) })
  const spec = map(value['spec'])
  const template = spec['template'] && { ...map(spec['template']), metadata: timed(at(spec, 'template', 'metadata')) }
  return { ...value, metadata: timed(value['metadata']), spec: template ? { ...spec, template } : spec, status: map(value['status']) }
}

/** The object with new images; undefined when it has no containers to have them. */
function withImages(object: JsonObject, images: ReadonlyMap<string, string>): JsonObject | undefined {
  const found = new Set<string>()
  const update = (containers: unknown): unknown => containers === undefined ? undefined : list(containers).map((c) => {
    const name = text(at(c, 'name'))
    const wanted = images.get(name) ?? images.get('*')
    if (images.has(name)) found.add(name)
    if (images.has('*')) found.add('*')
    return wanted === undefined ? c : { ...map(c), image: wanted }
  })
  const inSpec = (spec: unknown): JsonObject => {
    const out: JsonObject = { ...map(spec) }
    for (const key of ['initContainers', 'containers']) if (out[key] !== undefined) out[key] = update(out[key])
    return out
  }
  let result: JsonObject
  if (Array.isArray(at(object, 'spec', 'containers'))) result = { ...object, spec: inSpec(object['spec']) }
  else if (at(object, 'spec', 'template', 'spec')) {
    const spec = map(object['spec'])
    const template = map(spec['template'])
    result = { ...object, spec: { ...spec, template: { ...template, spec: inSpec(template['spec']) } } }
  } else return undefined
  const missing = [...images.keys()].filter((name) => !found.has(name))
  throwAll(missing.map((name) => new KubectlError(`error: unable to find container named ${quote(name)}`)))
  return result
}

export const set: Command = {
  name: 'set',
  short: 'Set specific features on objects',
  use: 'set SUBCOMMAND',
  helpTo: 'stderr',
  commands: [
    { name: 'env', short: 'Update environment variables on a pod template', use: 'env RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N', instead: 'use kubectl patch or kubectl apply' },
    image,
    { name: 'resources', short: 'Update resource requests/limits on objects with pod templates', use: 'resources (-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]', instead: 'use kubectl patch or kubectl apply' },
    { name: 'selector', short: 'Set the selector on a resource', use: 'selector (-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]', instead: 'use kubectl patch or kubectl apply' },
    { name: 'serviceaccount', aliases: ['sa'], short: 'Update the service account of a resource', use: 'serviceaccount (-f FILENAME | TYPE NAME) SERVICE_ACCOUNT', instead: 'use kubectl patch or kubectl apply' },
    { name: 'subject', short: 'Update the user, group, or service account in a role binding or cluster role binding', use: 'subject (-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname]', instead: 'there is no access control' },
  ],
}
