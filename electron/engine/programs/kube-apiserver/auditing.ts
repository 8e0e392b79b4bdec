import { AuditLog } from '../../kubernetes/audit/audit-log.ts'
import { readPolicy, type Policy } from '../../kubernetes/audit/policy.ts'
import type { KubernetesClient } from '../../kubernetes/client.ts'
import { rbacOf } from '../../kubernetes/rbac/authorizer.ts'
import { SystemError } from '../../machine/errors.ts'
import type { MemoryFilesystem } from '../../machine/filesystem.ts'
import type { Process } from '../../machine/types.ts'
import { klogLine } from '../klog.ts'

/** lumberjack's default where --audit-log-maxsize is 0, in megabytes. */
const LARGEST = 100
const NUMBERS = ['audit-log-maxage', 'audit-log-maxbackup', 'audit-log-maxsize']
const FORMATS = ['legacy', 'json']
const MODES = ['batch', 'blocking', 'blocking-strict']

/** Why a kube-apiserver with these flags does not start, in its own words (apiserver/pkg/server/options/audit.go of v1.33), or the log of its requests. */
export type Auditing = { refused: string; isUsage?: boolean; notSimulated?: boolean } | { log: AuditLog | undefined }

export function auditing(process: Process, flags: ReadonlyMap<string, string>, client: KubernetesClient, tell: (line: string) => void): Auditing {
  for (const flag of NUMBERS) {
    const value = flags.get(flag)
    if (value !== undefined && !/^[+-]?\d+$/.test(value)) return { refused: `invalid argument ${JSON.stringify(value)} for "--${flag}" flag: strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`, isUsage: true }
  }
  const path = flags.get('audit-log-path') ?? ''
  const [format, mode] = [flags.get('audit-log-format') ?? 'json', flags.get('audit-log-mode') ?? 'blocking']
  if (path !== '') {
    if (!MODES.includes(mode)) return { refused: `invalid audit log mode ${mode}, allowed modes are ${JSON.stringify(MODES.join(','))}` }
    if (!FORMATS.includes(format)) return { refused: `invalid audit log format ${format}, allowed formats are ${JSON.stringify(FORMATS.join(','))}` }
    for (const flag of NUMBERS) if (Number(flags.get(flag)) < 0) return { refused: `--${flag} ${Number(flags.get(flag))} can't be a negative number` }
  }
  const policy = policyOf(process, flags.get('audit-policy-file') ?? '', tell)
  if (typeof policy === 'string') return { refused: `loading audit policy file: ${policy}` }
  if (path === '') return { log: undefined }
  if (path === '-') return { refused: 'podhop: not simulated: kube-apiserver with --audit-log-path=- (use a file)', notSimulated: true }
  if (format === 'legacy') return { refused: 'podhop: not simulated: kube-apiserver with --audit-log-format=legacy (use json)', notSimulated: true }
  const file = process.resolve(path)
  const problem = ensureLogFile(process, file)
  if (problem !== undefined) return { refused: `ensureLogFile: ${problem}` }
  if (!policy) return { log: undefined }
  const most = { bytes: (Number(flags.get('audit-log-maxsize') ?? 0) || LARGEST) * 1024 * 1024, backups: Number(flags.get('audit-log-maxbackup') ?? 0) }
  const write = (line: string): void => append(process, file, line, most)
  return { log: new AuditLog({ clock: process.clock, policy, rbac: rbacOf(client), write }) }
}

function policyOf(process: Process, path: string, tell: (line: string) => void): Policy | string | undefined {
  if (path === '') return undefined
  let text: string
  try {
    text = process.fs.readText(process.resolve(path))
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    const [call, why] = error.code === 'EISDIR' ? ['read', 'is a directory'] : ['open', goText(error)]
    return `failed to read file path ${JSON.stringify(path)}: ${call} ${path}: ${why}`
  }
  const policy = readPolicy(text, (why) => tell(klogLine(process.clock.wall(), 'W', process.pid, 'reader.go:74', why)))
  return typeof policy === 'string' ? `${policy}: from file ${path}` : policy
}

function ensureLogFile({ fs }: Process, path: string): string | undefined {
  const folder = path.slice(0, path.lastIndexOf('/')) || '/'
  let step = `mkdir ${folder}`
  try {
    if (!fs.exists(folder)) fs.makeDirectory(folder, { parents: true, mode: 0o700 })
    step = `open ${path}`
    if (!fs.exists(path)) fs.writeFile(path, '', 0o600)
    else (fs as MemoryFilesystem).openForWriting(path)
    return undefined
  } catch (error) {
    if (!(error instanceof SystemError)) throw error
    return `${step}: ${goText(error)}`
  }
}

/** gopkg.in/natefinch/lumberjack.v2: a file that would grow too large is put aside under the time of that. */
function append({ fs, clock }: Process, path: string, line: string, most: { bytes: number; backups: number }): void {
  try {
    if (fs.exists(path) && fs.stat(path).size + line.length > most.bytes) {
      const [, stem, end = ''] = /^(.*?)(\.[^./]*)?$/.exec(path)!
      fs.rename(path, `${stem}-${new Date(clock.wall()).toISOString().replace(/:/g, '-').replace('Z', '')}${end}`)
      const folder = path.slice(0, path.lastIndexOf('/')) || '/'
      const aside = fs.readDirectory(folder).filter((name) => `${folder}/${name}`.startsWith(`${stem}-`)).sort()
      for (const name of most.backups > 0 ? aside.slice(0, -most.backups) : []) fs.remove(`${folder}/${name}`)
    }
    fs.appendFile(path, line)
  } catch (error) {
    // what cannot be written is lost, and nobody's request fails for it
    if (!(error instanceof SystemError)) throw error
  }
}

/** Go's words for an errno. */
const goText = ({ message }: SystemError): string => message.toLowerCase()
