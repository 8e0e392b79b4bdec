import type { CertificateSigningRequest } from '../../engine/kubernetes/types.ts'
import { timestamp } from '../../engine/kubernetes/human-duration.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command, Kubectl } from './command.ts'
import { isNotFound, KubectlError, quote, throwAll } from './errors.ts'
import { FILENAME_FLAGS, flags, TEMPLATE_FLAGS } from './flags.ts'
import { helpOf } from './help.ts'
import { printerFor } from './printers/index.ts'
import { type Info, keyOf, queryOf, resolve } from './resources.ts'

/** kubectl certificate: pkg/cmd/certificates. */
interface Decision { type: string; opposite: string; reason: string; message: string }

function decider(name: 'approve' | 'deny', short: string): Command {
  const [operation, type, opposite, reason] = name === 'approve' ? ['approved', 'Approved', 'Denied', 'KubectlApprove'] : ['denied', 'Denied', 'Approved', 'KubectlDeny']
  const decision = { type, opposite, reason, message: `This CSR was ${operation} by kubectl certificate ${name}.` }
  return {
    name,
    short,
    use: `${name} (-f FILENAME | NAME)`,
    flags: flags(FILENAME_FLAGS, TEMPLATE_FLAGS, `
      --force bool
      -o --output string
    `),
    *run(k): Task<number> {
      const printer = printerFor(k, { operation })
      if (k.args.length === 0 && k.flags.list('filename').length === 0 && k.flags.string('kustomize') === '') throw new KubectlError('one or more CSRs must be specified as <name> or -f <filename>')
      const { infos, errors } = yield* resolve(k, queryOf(k, { args: [], ...(k.args.length > 0 ? { names: { type: 'certificatesigningrequests', names: k.args } } : {}), latest: true }))
      let found = 0
      for (const info of infos) {
        try {
          decide(k, info, decision)
          found++
          yield* k.out(printer.print(info.object!))
        } catch (error) {
          errors.push(error)
        }
      }
      if (found === 0 && errors.length === 0) yield* k.out('No resources found\n')
      throwAll(errors)
      return 0
    },
  }
}

function decide(k: Kubectl, { resource, name }: Info, { type, opposite, reason, message }: Decision): void {
  if (resource.kind !== 'CertificateSigningRequest' || resource.group !== 'certificates.k8s.io') throw new KubectlError(`can only handle CertificateSigningRequest.certificates.k8s.io objects, got ${resource.kind}${resource.group ? `.${resource.group}` : ''}`)
  let found: CertificateSigningRequest
  try {
    found = k.client.get<CertificateSigningRequest>(keyOf(resource), undefined, name)
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new KubectlError(`could not find v1 or v1beta1 version of ${name}: ${(error as Error).message}`)
  }
  const { conditions = [] } = found.status
  if (conditions.some((c) => c.type === opposite)) throw new KubectlError(`certificate signing request ${quote(name)} is already ${opposite}`)
  const isDecided = conditions.some((c) => c.type === type)
  if (isDecided && !k.flags.bool('force')) return
  const condition = { type, status: 'True', reason, message, lastUpdateTime: timestamp(k.now), lastTransitionTime: null }
  const status = { ...found.status, conditions: isDecided ? conditions : [...conditions, condition] }
  k.client.update(keyOf(resource), undefined, name, { ...found, status }, { subresource: 'approval' })
}

export const certificate: Command = {
  name: 'certificate',
  short: 'Modify certificate resources',
  use: 'certificate SUBCOMMAND',
  commands: [decider('approve', 'Approve a certificate signing request'), decider('deny', 'Deny a certificate signing request')],
  *run(k): Task<number> {
    yield* k.out(helpOf(k.command, k.path))
    return 0
  },
}
