import type { ApiResource } from '../../engine/kubernetes/client.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError, quote, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, RECORD_FLAG, SELECTOR_FLAG } from './flags.ts'
import { type JsonObject, text } from './objects.ts'
import { setEnv } from './set-env.ts'
import { setResources, setServiceAccount } from './set-resources.ts'
import { setSelector } from './set-selector.ts'
import { setSubject } from './set-subject.ts'
import { applyChange, changeContainers, chosen, withPodSpec } from './set-template.ts'

const image: Command = {
  name: 'image',
  short: 'Update the image of a pod template',
  use: 'image (-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, RECORD_FLAG, `
    --all bool
    --field-manager string=kubectl-set
    --local bool
  `),
  run,
}

function* run(k: Kubectl): Task<number> {
  const { flags: f, args } = k
  const dryRun = yield* k.dryRun()
  const isPair = (arg: string): boolean => arg.indexOf('=') > 0
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
  if (resources.length === 0 && f.list('filename').length === 0 && !f.string('kustomize')) {
    if (images.size > 0) problems.push(new KubectlError('one or more resources must be specified as <resource> <name> or <resource>/<name>'))
  }
  if (images.size === 0 && (resources.length > 0 || f.list('filename').length > 0 || f.string('kustomize') !== '')) {
    throwAll((yield* chosen(k, resources)).errors)
    problems.push(new KubectlError('at least one image update is required'))
  }
  if (images.has('*') && images.size > 1) problems.push(new KubectlError('all containers are already specified by *, but saw more than one container_name=container_image pairs'))
  if (local && dryRun === 'server') problems.push(new KubectlError('cannot specify --local and --dry-run=server - did you mean --dry-run=client?'))
  throwAll(problems)
  const { infos, errors } = yield* chosen(k, resources)
  throwAll(errors)
  yield* applyChange(k, infos, errors, dryRun, {
    operation: 'image updated',
    failure: 'failed to patch image update to pod template: ',
    modify: (object, info) => withImages(object, info.resource, images, errors),
  })
  throwAll(errors)
  return 0
}

function withImages(object: JsonObject, resource: ApiResource, images: ReadonlyMap<string, string>, errors: unknown[]): JsonObject {
  const found = new Set<string>()
  const after = withPodSpec(object, resource, (spec) => changeContainers(spec, '*', (container) => {
    const name = text(container['name'])
    const wanted = images.get(name) ?? images.get('*')
    for (const key of [name, '*']) if (images.has(key)) found.add(key)
    return wanted === undefined ? container : { ...container, image: wanted }
  }).spec)
  for (const name of images.keys()) if (!found.has(name)) errors.push(new KubectlError(`error: unable to find container named ${quote(name)}`))
  return after
}

export const set: Command = {
  name: 'set',
  short: 'Set specific features on objects',
  use: 'set SUBCOMMAND',
  helpTo: 'stderr',
  commands: [
    setEnv,
    image,
    setResources,
    setSelector,
    setServiceAccount,
    setSubject,
  ],
}
