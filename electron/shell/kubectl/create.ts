import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { withLastApplied } from './last-applied.ts'
import { type Command, dryRunned, type Kubectl } from './command.ts'
import { createConfigMap } from './create-configmap.ts'
import { createCronJob, createJob } from './create-job.ts'
import { createIngress } from './create-ingress.ts'
import { createDisruptionBudget, createPriorityClass } from './create-policy.ts'
import { createClusterRole, createClusterRoleBinding, createRole, createRoleBinding } from './create-rbac.ts'
import { createDeployment, createNamespace } from './create-simple.ts'
import { createSecret, createServiceAccount } from './create-secret.ts'
import { createQuota } from './create-quota.ts'
import { createService } from './create-service.ts'
import { createToken } from './create-token.ts'
import { editBeforeCreate } from './edit-modes.ts'
import { KubectlError, throwAll, withSource } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG, VALIDATE_FLAG } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { rawWithBody } from './raw.ts'
import { recorded } from './record.ts'
import { keyOf, queryOf, resolve } from './resources.ts'
import { printerFor } from './printers/index.ts'

export const create: Command = {
  name: 'create',
  short: 'Create a resource from a file or from stdin',
  use: 'create -f FILENAME',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, VALIDATE_FLAG, SELECTOR_FLAG, `
    --edit bool
    --field-manager string=kubectl-create
    --raw string
    --record bool !
    --save-config bool
    --windows-line-endings bool -
  `),
  commands: [
    createClusterRole,
    createClusterRoleBinding,
    createConfigMap,
    createCronJob,
    createDeployment,
    createIngress,
    createJob,
    createNamespace,
    createDisruptionBudget,
    createPriorityClass,
    createQuota,
    createRole,
    createRoleBinding,
    createSecret,
    createService,
    createServiceAccount,
    createToken,
  ],
  run,
}

function* run(k: Kubectl): Task<number> {
  if (k.args.length > 0) throw k.usageError(`Unexpected args: [${k.args.join(' ')}]`)
  if (k.flags.list('filename').length === 0 && !k.flags.string('kustomize')) throw new KubectlError('must specify one of -f and -k')
  const editing = k.flags.bool('edit')
  if (k.flags.string('raw') !== '' && editing) throw new KubectlError('--raw and --edit are mutually exclusive')
  if (k.flags.string('raw') !== '') return yield* rawWithBody(k, 'POST')
  if (editing) return yield* editBeforeCreate(k)
  const dryRun = yield* k.dryRun()
  const validation = k.validation()
  const printer = printerFor(k, { operation: dryRunned('created', dryRun) })
  const { infos, errors } = yield* resolve(k, queryOf(k, { validate: validation }))
  const failed: unknown[] = []
  let count = 0
  for (const info of infos) {
    try {
      const cause = recorded(k, info.object!)
      let object = k.flags.bool('save-config') ? withLastApplied(cause) : cause
      if (dryRun !== 'client') {
        object = (yield* k.decided(() => k.client.create<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, object, {
          fieldManager: k.flags.string('field-manager'), dryRun: dryRun === 'server', fieldValidation: validation,
        }))) as unknown as JsonObject
      }
      count++
      yield* k.out(printer.print(object))
    } catch (error) {
      failed.push(withSource('creating', info.source, error))
    }
  }
  throwAll([...failed, ...errors])
  if (count === 0) throw new KubectlError('no objects passed to create')
  return 0
}
