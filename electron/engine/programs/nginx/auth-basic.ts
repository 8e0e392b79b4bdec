import type { Filesystem } from '../../machine/types.ts'
import { basicCredentials, checkPassword } from '../http/htpasswd.ts'
import { headerOf, type Headers } from '../http/message.ts'
import type { Settings } from './settings.ts'
import type { Variables } from './variables.ts'

/** Why a request is not let in: its status, the headers that come with it, and the error log's line. */
export interface Refusal { status: 401 | 403; headers?: Headers; log?: string }

/** ngx_http_auth_basic_module; undefined: the request may go on. A file without a realm asks nobody. */
export function unauthorized(fs: Filesystem, auth: NonNullable<Settings['auth']>, variables: Variables): Refusal | undefined {
  if (auth.realm === '') return undefined
  const ask = (log?: string): Refusal => ({ status: 401, headers: [['WWW-Authenticate', `Basic realm="${variables.expand(auth.realm)}"`]], ...(log === undefined ? {} : { log }) })
  const credentials = basicCredentials(headerOf(variables.request.headers, 'authorization'))
  if (!credentials) return ask()
  if (auth.file === '' || !fs.exists(auth.file)) return { status: 403, log: `open() "${auth.file}" failed (2: No such file or directory)` }
  const { user, password } = credentials
  switch (checkPassword(fs.readText(auth.file), user, password)) {
    case 'right': return undefined
    case 'wrong': return ask(`user "${user}": password mismatch`)
    case 'unknown user': return ask(`user "${user}" was not found in "${auth.file}"`)
    case 'not simulated': return ask(`podhop: not simulated: the hash of user "${user}" (use htpasswd's MD5, {SHA} or {PLAIN})`)
  }
}
