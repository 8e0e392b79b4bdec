import type { Task } from '../../machine/task.ts'
import type { Process } from '../../machine/types.ts'
import { pemBlocks, readCertificates } from '../tls/x509.ts'
import { accountWarnings, checkAccount } from './account.ts'
import { loadClientVerify } from './client-verify.ts'
import { ConfigError, parseConfig } from './config.ts'
import { readConfiguration } from './server.ts'
import type { Configuration } from './settings.ts'
import { resolveUpstreams } from './upstream.ts'

/** Where nginx was built to look (--prefix). */
export const PREFIX = '/etc/nginx'

/** The files that a configuration is made of, in the order in which they are read, for `nginx -T`. */
export type ConfigurationFiles = { file: string; text: string }[]

/** Reads, checks, and looks upstreams' names up, as every start, test and reload does. Throws ConfigError and NotSimulated. */
export function* loadConfiguration(process: Process, file: string, files: ConfigurationFiles = []): Task<Configuration> {
  const { fs } = process
  const read = (path: string): { file: string; text: string } => {
    const part = { file: path, text: fs.readText(path) }
    if (!files.some((f) => f.file === path)) files.push(part)
    return part
  }
  const include = (pattern: string): { file: string; text: string }[] => {
    const path = pattern.startsWith('/') ? pattern : `${PREFIX}/${pattern}`
    if (!path.includes('*')) {
      if (!fs.exists(path)) throw new ConfigError(`open() "${path}" failed (2: No such file or directory) in ${file}`)
      return [read(path)]
    }
    const slash = path.lastIndexOf('/')
    const directory = path.slice(0, slash)
    if (!fs.exists(directory)) return []
    const match = new RegExp(`^${path.slice(slash + 1).replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}$`)
    return fs
      .readDirectory(directory)
      .filter((name) => match.test(name) && !name.startsWith('.'))
      .map((name) => read(`${directory}/${name}`))
  }
  if (!fs.exists(file)) throw new ConfigError(`open() "${file}" failed (2: No such file or directory)`)
  const configuration = readConfiguration(parseConfig(file, read(file).text, include))
  checkAccount(process, configuration.account)
  configuration.warnings.unshift(...accountWarnings(process, configuration.account))
  checkCertificates(process, configuration)
  for (const server of configuration.servers) if (server.listens.some((l) => l.ssl)) server.clients = loadClientVerify(process, server.clients)
  yield* resolveUpstreams(process, [...configuration.upstreams.values(), ...(configuration.stream?.upstreams.values() ?? [])])
  return configuration
}

/** ngx_ssl_certificate's words. */
function checkCertificates({ fs }: Process, { servers, stream }: Configuration): void {
  for (const { certificate, key, listens } of [...servers, ...(stream?.servers ?? [])]) {
    if (!listens.some((l) => l.ssl)) continue
    for (const [what, { file }] of [['certificate', certificate!], ['certificate key', key!]] as const) {
      const failed = `cannot load ${what} "${file}": `
      if (!fs.exists(file)) throw new ConfigError(`${failed}BIO_new_file() failed (SSL: error:80000002:system library::No such file or directory:calling fopen(${file}, r) error:10000080:BIO routines::no such file)`)
      const text = fs.readText(file)
      if (what === 'certificate' ? pemBlocks(text, /CERTIFICATE/).length === 0 : pemBlocks(text, /PRIVATE KEY/).length === 0) {
        throw new ConfigError(`${failed}${what === 'certificate' ? 'PEM_read_bio_X509_AUX() failed (SSL: error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE)' : 'PEM_read_bio_PrivateKey() failed (SSL: error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM)'}`)
      }
      if (what === 'certificate') readCertificates(text)
    }
  }
}
