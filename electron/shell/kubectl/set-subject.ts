import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import { type Command, dryRunned } from './command.ts'
import { KubectlError, messageOf, throwAll } from './errors.ts'
import { DRY_RUN_FLAG, FILENAME_FLAGS, flags, PRINT_FLAGS, SELECTOR_FLAG } from './flags.ts'
import { equal, type JsonObject, list } from './objects.ts'
import { keyOf } from './resources.ts'
import { typedPrinter } from './printers/typed.ts'
import { chosen, refuseMixed, typed } from './set-template.ts'

const GROUP = 'rbac.authorization.k8s.io'

/** kubectl's pkg/cmd/set/set_subject.go. */
export const setSubject: Command = {
  name: 'subject',
  short: 'Update the user, group, or service account in a role binding or cluster role binding',
  use: 'subject (-f FILENAME | TYPE NAME) [--user=username] [--group=groupname] [--serviceaccount=namespace:serviceaccountname] [--dry-run=server|client|none]',
  flags: flags(FILENAME_FLAGS, PRINT_FLAGS, DRY_RUN_FLAG, SELECTOR_FLAG, `
    --all bool
    --field-manager string=kubectl-set
    --group array
    --local bool
    --serviceaccount array
    --user array
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    const dryRun = yield* k.dryRun()
    const local = f.bool('local')
    const printer = typedPrinter(k, dryRunned('subjects updated', dryRun))
    const { infos, errors } = yield* chosen(k, k.args)
    throwAll(errors)
    refuseMixed(k, dryRun)
    if (!f.changed('user') && !f.changed('group') && !f.changed('serviceaccount')) throw new KubectlError('you must specify at least one value of user, group or serviceaccount')
    const wanted = [
      ...f.list('user').map((name): JsonObject => ({ kind: 'User', apiGroup: GROUP, name })),
      ...f.list('group').map((name): JsonObject => ({ kind: 'Group', apiGroup: GROUP, name })),
      ...f.list('serviceaccount').map((text): JsonObject => {
        const [namespace, name, ...more] = text.split(':')
        if (!namespace || !name || more.length > 0) throw new KubectlError('serviceaccount must be <namespace>:<name>')
        return { kind: 'ServiceAccount', namespace, name }
      }),
    ]
    const problems: unknown[] = []
    for (const info of infos) {
      if (info.resource.kind !== 'RoleBinding' && info.resource.kind !== 'ClusterRoleBinding') {
        problems.push(new KubectlError(`error: ${info.resource.name}/${info.name} setting subjects is only supported for RoleBinding/ClusterRoleBinding\n`))
        continue
      }
      const before = list(info.object!['subjects'])
      const subjects = [...before]
      for (const subject of wanted) if (!subjects.some((s) => equal(s, subject))) subjects.push(subject)
      if (subjects.length === before.length) continue
      const after: JsonObject = { ...info.object, subjects }
      if (local || dryRun === 'client') {
        yield* k.out(printer.print(local ? typed(after) : after))
        continue
      }
      let made: KubeObject
      try {
        made = yield* k.decided(() => k.client.patch<KubeObject>(keyOf(info.resource), info.resource.namespaced ? info.namespace : undefined, info.name, 'application/strategic-merge-patch+json', { subjects }, {
          dryRun: dryRun === 'server', fieldManager: f.string('field-manager'),
        }))
      } catch (error) {
        problems.push(new KubectlError(`failed to patch subjects to rolebinding: ${messageOf(error)}`))
        continue
      }
      yield* k.out(printer.print(made as unknown as JsonObject))
    }
    throwAll(problems)
    return 0
  },
}
