import type { Process, Task } from '../../../engine/cluster.ts'
import { byName } from '../../../engine/own.ts'
import { genrsa, rsa, verify } from './keys.ts'
import { req } from './req.ts'
import { sClient } from './s-client.ts'
import { OpensslError } from './options.ts'
import { x509 } from './x509.ts'

const COMMANDS: Readonly<Record<string, (process: Process, args: readonly string[]) => Task<number>>> = byName({ genrsa, req, rsa, verify, x509, s_client: sClient })
const OTHERS = ['asn1parse', 'ca', 'ciphers', 'cms', 'crl', 'dgst', 'dhparam', 'ec', 'ecparam', 'enc', 'genpkey', 'list', 'ocsp', 'passwd', 'pkcs12', 'pkcs8', 'pkey', 'prime', 'rand', 'rehash', 's_server', 's_time', 'sess_id', 'smime', 'speed']

/** openssl(1) of OpenSSL 3.0: what one needs to make a certificate for a lab, to read it, and to see which a server shows. */
export function* openssl(process: Process): Task<number> {
  const [name = '', ...args] = process.argv.slice(1)
  if (name === 'version' || name === '-v' || name === '--version') {
    yield* process.print('OpenSSL 3.0.17 1 Jul 2025 (Library: OpenSSL 3.0.17 1 Jul 2025)\n')
    return 0
  }
  const command = COMMANDS[name]
  if (!command) {
    if (name === '' || name === 'help' || OTHERS.includes(name)) {
      yield* process.printError(`podhop: not simulated: openssl${name === '' ? ' as a shell of its own' : ` ${name}`} (use openssl ${Object.keys(COMMANDS).join(', ')})\n`)
      return 69
    }
    yield* process.printError(`Invalid command '${name}'; type "help" for a list.\n`)
    return 1
  }
  try {
    return yield* command(process, args)
  } catch (error) {
    if (!(error instanceof OpensslError)) throw error
    yield* process.printError(`${error.message}\n`)
    return error.code
  }
}
