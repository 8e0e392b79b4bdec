import type { KubernetesClient } from '../../engine/kubernetes/client.ts'
import type { Task } from '../../engine/machine/task.ts'
import type { Process } from '../../engine/machine/types.ts'
import { ANONYMOUS, userOfToken } from '../../engine/kubernetes/rbac/authenticate.ts'
import { asUser, become } from '../../engine/kubernetes/rbac/as-user.ts'
import { ADMIN } from '../../engine/kubernetes/rbac/authorizer.ts'
import { failure } from '../../engine/kubernetes/status.ts'
import { KubectlError } from './errors.ts'
import type { ClientConfig } from './client-config.ts'
import { list, text } from './objects.ts'

/** The user of the kubeconfig shows nothing: kubectl asks for a name and a password. */
export class NoCredentials extends Error {}

/** clientcmd's PromptingAuthLoader. */
export function* askForPassword(process: Process): Task {
  yield* process.print('Please enter Username: ')
  if ((yield* process.readLine()) === null) throw new KubectlError('EOF')
  yield* process.print('Please enter Password: ')
  const terminal = process.terminalOf()
  if (!terminal) throw new KubectlError('error reading input for Password')
  terminal.echo = false
  try {
    yield* process.readLine()
  } finally {
    terminal.echo = true
  }
}

/** The client as the user of the kubeconfig, or as whom --token, --as, --as-group and --as-uid say: clientcmd's AuthInfo and its overrides. */
export function identified(client: KubernetesClient, { user: entry }: ClientConfig, wall: number, asked: boolean): KubernetesClient {
  const [as, uid, token] = ['as', 'as-uid', 'token'].map((field) => text(entry[field])) as [string, string, string]
  const has = (...fields: readonly string[]): boolean => fields.some((field) => entry[field] !== undefined && entry[field] !== '')
  const hasCertificate = has('client-certificate-data', 'client-certificate')
  const isNamed = hasCertificate || token !== '' || has('tokenFile', 'auth-provider', 'exec')
  if (!isNamed && !has('username') && !asked) throw new NoCredentials()
  // the server knows no passwords; a certificate comes before a token
  const shown = !isNamed ? ANONYMOUS : token && !hasCertificate ? userOfToken(client, token, wall) : ADMIN
  if (!shown) throw failure(401, 'Unauthorized', 'Unauthorized')
  const user = as ? become(client, shown, { user: as, groups: list(entry['as-groups']).map(text), ...(uid ? { uid } : {}) }) : shown
  return user === ADMIN ? client : asUser(client, user)
}
