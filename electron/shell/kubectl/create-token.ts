import { StatusError } from '../../engine/kubernetes/client.ts'
import type { KubeObject } from '../../engine/kubernetes/types.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Command } from './command.ts'
import { nameArgument } from './create-simple.ts'
import { KubectlError } from './errors.ts'
import { isNoServer, unanswered } from './no-server.ts'
import { flags, PRINT_FLAGS } from './flags.ts'
import type { JsonObject } from './objects.ts'
import { printerFor } from './printers/index.ts'

const BINDABLE = ['Node', 'Pod', 'Secret']

/** kubectl create token: pkg/cmd/create/create_token.go (v1.33). */
export const createToken: Command = {
  name: 'token',
  short: 'Request a service account token',
  use: 'token SERVICE_ACCOUNT_NAME',
  flags: flags(PRINT_FLAGS, `
    --audience array
    --bound-object-kind string
    --bound-object-name string
    --bound-object-uid string
    --duration duration
  `),
  *run(k): Task<number> {
    const { flags: f } = k
    const name = nameArgument(k)
    const printer = printerFor(k, { operation: 'created', typed: true })
    const duration = f.duration('duration')
    const audiences = f.list('audience')
    const [kind, bound, uid] = [f.string('bound-object-kind'), f.string('bound-object-name'), f.string('bound-object-uid')]
    if (name === '') throw new KubectlError('service account name is required')
    if (duration < 0) throw new KubectlError('--duration must be greater than or equal to 0')
    if (duration % 1000 !== 0) throw new KubectlError('--duration cannot be expressed in units less than seconds')
    if (audiences.includes('')) throw new KubectlError('--audience must not be an empty string')
    if (kind === '') {
      if (bound) throw new KubectlError('--bound-object-name can only be set if --bound-object-kind is provided')
      if (uid) throw new KubectlError('--bound-object-uid can only be set if --bound-object-kind is provided')
    } else {
      if (!BINDABLE.includes(kind)) throw new KubectlError(`supported --bound-object-kind values are ${BINDABLE.join(', ')}`)
      if (!bound) throw new KubectlError('--bound-object-name is required if --bound-object-kind is provided')
    }
    const spec = {
      audiences,
      ...(duration > 0 ? { expirationSeconds: duration / 1000 } : {}),
      ...(kind === '' ? {} : { boundObjectRef: { kind, apiVersion: 'v1', name: bound, uid } }),
    }
    let response: KubeObject & { status: { token: string } }
    try {
      response = yield* k.decided(() => k.client.createSubresource('serviceaccounts', k.namespace.name, name, 'token', { spec }))
    } catch (error) {
      if (error instanceof StatusError) throw new KubectlError(`failed to create token: ${error.message}`)
      if (isNoServer(error)) throw new KubectlError(`failed to create token: ${unanswered(error, 'Post', `/api/v1/namespaces/${k.namespace.name}/serviceaccounts/${name}/token`)}`)
      throw error
    }
    if (f.string('output') !== '' || f.string('template') !== '') yield* k.out(printer.print(response as unknown as JsonObject))
    else yield* k.out(`${response.status.token}${k.process.terminalOf(1) ? '\n' : ''}`)
    return 0
  },
}
