import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { KubectlError } from './errors.ts'
import { DRY_RUN_FLAG, flags, PRINT_FLAGS, VALIDATE_FLAG } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { printerFor } from './printers/index.ts'
import { createAndPrint, createNamed, metadataOf } from './saving.ts'

export const CREATE_FLAGS = `${PRINT_FLAGS}${DRY_RUN_FLAG}${VALIDATE_FLAG}
  --field-manager string=kubectl-create
  --save-config bool
`

/** The one NAME of create's subcommands. */
export function nameArgument(k: Kubectl): string {
  const count = k.flags.dash >= 0 ? k.flags.dash : k.args.length
  if (count !== 1) throw k.usageError(`exactly one NAME is required, got ${count}`)
  return k.args[0]!
}

/** The NAME, once the flags that all subcommands share have been judged: before what is only their own. */
export function* started(k: Kubectl): Task<string> {
  const name = nameArgument(k)
  yield* k.dryRun()
  printerFor(k)
  k.validation()
  return name
}

export const createNamespace: Command = {
  name: 'namespace',
  aliases: ['ns'],
  short: 'Create a namespace with the specified name',
  use: 'namespace NAME [--dry-run=server|client|none]',
  flags: flags(CREATE_FLAGS),
  *run(k): Task<number> {
    return yield* createAndPrint(k, { kind: 'Namespace', apiVersion: 'v1', metadata: metadataOf(yield* started(k)), spec: {}, status: {} })
  },
}

export const createDeployment: Command = {
  name: 'deployment',
  aliases: ['deploy'],
  short: 'Create a deployment with the specified name',
  use: 'deployment NAME --image=image -- [COMMAND] [args...]',
  flags: flags(CREATE_FLAGS, `
    --image slice
    --port int32=-1
    -r --replicas int=1
  `),
  required: ['image'],
  *run(k): Task<number> {
    const name = yield* started(k)
    const { flags: f } = k
    const images = f.list('image')
    const command = k.args.slice(1)
    if (images.length > 1 && command.length > 0) throw new KubectlError('cannot specify multiple --image options and command')
    const containers = images.map((image, i): JsonObject => {
      const container: JsonObject = { name: containerName(image), image }
      if (command.length > 0) container['command'] = command
      if (f.int('port') >= 0 && i === 0) container['ports'] = [{ containerPort: f.int('port') }]
      container['resources'] = {}
      return container
    })
    return yield* createNamed(k, deployment(name, { app: name }, f.int('replicas'), { containers }), 'deployment')
  },
}

/** A container is called after its image: the last part of the path, without tag or digest. */
function containerName(image: string): string {
  return image.slice(image.lastIndexOf('/') + 1).replace(/[:@].*$/, '').replace(/_/g, '-')
}

export function deployment(name: string, labels: JsonObject, replicas: number, podSpec: JsonObject): JsonObject {
  return {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: metadataOf(name, { labels }),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { creationTimestamp: null, labels }, spec: podSpec },
      strategy: {},
    },
    status: {},
  }
}
